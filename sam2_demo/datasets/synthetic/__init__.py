"""Synthetic clips with exact masks."""
