"""Prompts, masks, errors, frames and device choice: what every layer builds on."""
