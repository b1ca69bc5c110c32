"""The GPU path on a machine without a GPU: whole steps on fake CUDA tensors, counted; nothing computes a value."""
