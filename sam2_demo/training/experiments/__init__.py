"""Training runs as data."""
