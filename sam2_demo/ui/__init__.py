"""The page: Gradio blocks, the annotator component, its routes, error messages."""
