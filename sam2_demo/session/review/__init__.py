"""The review of masks: which a person should look at, and what was said about them."""
