"""ONNX, converted from TensorFlow by tf2onnx and run by ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path

from stillmotion.errors import StillmotionError, last_line
from stillmotion.exporting.program import NamedArrays, Program, Runner, missing, threads, traced
from stillmotion.exporting.recurrence import for_onnx, replace

OPSET = 17


def convert(program: Program) -> bytes:
    """Convert a program to ONNX.

    Args:
        program: what to convert.

    Returns:
        The serialized ONNX model.

    Raises:
        StillmotionError: tf2onnx is not installed, Keras does not run on TensorFlow, or ONNX cannot hold the model.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise missing("tf2onnx", "onnx", error) from None
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = traced(program)
    try:
        with for_onnx() as recurrences:
            model, _ = tf2onnx.convert.from_function(
                function,
                input_signature=function.input_signature,
                opset=OPSET,
                custom_op_handlers={"PyFunc": (replace(recurrences), [])},
            )
    except Exception as error:  # The converter raises errors of every kind.
        raise StillmotionError(f"ONNX cannot hold this model ({type(error).__name__}: {last_line(error)})") from error
    serialized: bytes = model.SerializeToString()
    return serialized


def write(program: Program, file: Path) -> None:
    """Write the program as an `.onnx` file; see `convert`."""
    file.write_bytes(convert(program))


def load(model: Path | bytes) -> Runner:
    """Load a model into ONNX Runtime.

    Args:
        model: a serialized ONNX model, or its file.

    Returns:
        What runs it.

    Raises:
        StillmotionError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise missing("onnxruntime", "onnx", error) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]

    def run(tensors: NamedArrays) -> NamedArrays:
        return dict(zip(outputs, session.run(outputs, dict(tensors)), strict=True))

    return run


OPENING = """import onnxruntime

HERE = Path(__file__).parent
session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
outputs = [output.name for output in session.get_outputs()]


def run(**tensors):
    return dict(zip(outputs, session.run(outputs, tensors)))

"""
