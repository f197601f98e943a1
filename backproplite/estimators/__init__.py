"""Where people already work: export for programs that run models without Python."""

from .onnx import export_onnx

__all__ = ["export_onnx"]
