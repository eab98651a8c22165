"""What of a project is files: its videos, and data sets that come in and go out."""
