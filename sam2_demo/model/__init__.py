"""SAM 2 in PyTorch: tensors in, tensors out; no files, no network."""
