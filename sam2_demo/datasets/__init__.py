"""Clips with masks, to train and to measure with."""
