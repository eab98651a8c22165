"""Who does what next, and what becomes of what was done."""
