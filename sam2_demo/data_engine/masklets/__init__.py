"""Automatic masklets: everything that a video shows, found and tracked without a person."""
