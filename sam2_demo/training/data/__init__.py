"""Batches of clips, composed ahead of the model."""
