"""What the device computes while the host goes on: answers and pictures on their way."""
