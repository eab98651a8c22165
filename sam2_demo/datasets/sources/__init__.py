"""The free pictures that synthetic clips are made of."""
