"""Annotation in bulk: automatic masklets, and the statistics of what was annotated."""
