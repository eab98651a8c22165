"""Weights in files and on the hub; no other layer accesses either."""
