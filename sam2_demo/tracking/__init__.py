"""Tracking objects through a video: memory bank, caches, prompts and propagation."""
