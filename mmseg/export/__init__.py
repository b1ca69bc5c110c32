"""Trained networks as files for other programs: ONNX, torch.export (.pt2), TorchScript (.ts)."""
