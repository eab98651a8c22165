"""One person's work on one video."""
