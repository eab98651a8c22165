"""Video files in and out; untrusted files are opened in a limited subprocess only."""
