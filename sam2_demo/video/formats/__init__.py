"""Containers and codecs, one fault at a time."""
