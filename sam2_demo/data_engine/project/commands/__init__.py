"""What the sub-commands of ``project`` do; each function takes the parsed arguments."""
