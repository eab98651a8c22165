"""Clips to train and measure with: data sets and synthetic clips."""
