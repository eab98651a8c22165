"""The page: Gradio blocks, routes, sessions, loaded models."""
