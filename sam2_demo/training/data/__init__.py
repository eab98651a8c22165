"""Batches of clips and images, loaded in the background."""
