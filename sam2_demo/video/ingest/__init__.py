"""Uploads are opened in a limited process only."""
