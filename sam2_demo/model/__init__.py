"""SAM 2 in PyTorch: tensor in, tensor out. Only checkpoints.py touches files or the network."""
