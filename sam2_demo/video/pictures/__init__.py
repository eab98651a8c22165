"""Pictures: the libraries that read them, all of their bits, every page and tile."""
