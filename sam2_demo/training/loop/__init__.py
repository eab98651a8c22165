"""The training loop: optimiser, learning rate, processes and log."""
