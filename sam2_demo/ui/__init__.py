"""The Gradio page: the annotator component, routes, callbacks, messages."""
