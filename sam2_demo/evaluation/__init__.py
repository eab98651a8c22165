"""Measures, protocols and the benchmark."""
