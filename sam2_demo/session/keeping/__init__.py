"""What was done to a video, on disk as it is done."""
