"""Write models for other runtimes: one table. To add a format, add its module and its row in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stillmotion.errors import UsageError
from stillmotion.exporting import litert, onnx, openvino, saved_model
from stillmotion.exporting.program import Program, Runner, Tensor, distance

__all__ = ["FORMATS", "ExportFormat", "Program", "Runner", "Tensor", "check_format", "distance"]


@dataclass(frozen=True)
class ExportFormat:
    """How a program is written, and loaded again to be compared.

    Attributes:
        file: the name of the file or folder that is written.
        write: writes a program to a path.
        load: loads what was written.
        needs: packages that the example needs.
        opening: code of the example that loads the file and defines `run(name=array, ...) -> {name: array}`.
        any_batch: whether a whole model takes any number of clips at once.
    """

    file: str
    write: Callable[[Program, Path], None]
    load: Callable[[Path], Runner]
    needs: str
    opening: str
    any_batch: bool = True


FORMATS: Mapping[str, ExportFormat] = {
    "onnx": ExportFormat("model.onnx", onnx.write, onnx.load, "onnxruntime", onnx.OPENING),
    "openvino": ExportFormat("model.xml", openvino.write, openvino.load, "openvino", openvino.OPENING),
    "saved_model": ExportFormat("model", saved_model.write, saved_model.load, "tensorflow-cpu", saved_model.OPENING),
    "litert": ExportFormat(
        "model.tflite", litert.write, litert.load, "ai-edge-litert", litert.OPENING, any_batch=False
    ),
}


def check_format(format: str) -> ExportFormat:
    """Look a format up.

    Args:
        format: a name in `FORMATS`.

    Returns:
        Its row.

    Raises:
        UsageError: an unknown name.
    """
    if format not in FORMATS:
        raise UsageError(f"no format {format!r}: choose from {', '.join(FORMATS)}")
    return FORMATS[format]
