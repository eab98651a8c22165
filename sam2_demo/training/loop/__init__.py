"""The steps of a training run, and what is written down of it."""
