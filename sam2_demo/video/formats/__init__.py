"""Containers and codecs: reading files that may be damaged or hostile."""
