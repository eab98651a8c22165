"""What is measured, and the simulated user who prompts."""
