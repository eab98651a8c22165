"""Effects on objects and background, as the page draws them, too."""
