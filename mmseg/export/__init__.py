"""Trained networks as files for other programs: ONNX, torch.export (.pt2), TorchScript (.ts)."""

ONNX, PT2, TORCHSCRIPT = '.onnx', '.pt2', '.ts'
SUFFIXES = (ONNX, PT2, TORCHSCRIPT)
