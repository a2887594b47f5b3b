"""ONNX, from TensorFlow through tf2onnx; run by ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path

from stillmotion.errors import StillmotionError
from stillmotion.exporting.program import Named, Program, Runner, missing, threads, traced
from stillmotion.exporting.recurrence import for_onnx, replace

OPSET = 17


def convert(program: Program) -> bytes:
    """The program as an ONNX model.

    Raises:
        StillmotionError: tf2onnx is missing, Keras does not run on TensorFlow, or ONNX cannot hold the model.
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
    except Exception as error:  # the converter's are of every kind
        told = " ".join(str(error).split())[:200]
        raise StillmotionError(f"ONNX cannot hold this model ({type(error).__name__}: {told})") from error
    found: bytes = model.SerializeToString()
    return found


def write(program: Program, file: Path) -> None:
    file.write_bytes(convert(program))


def load(model: Path | bytes) -> Runner:
    """A session of ONNX Runtime.

    Raises:
        StillmotionError: it is missing.
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
    outputs = [one.name for one in session.get_outputs()]

    def run(tensors: Named) -> Named:
        return dict(zip(outputs, session.run(outputs, dict(tensors)), strict=True))

    return run


OPENING = """import onnxruntime

HERE = Path(__file__).parent
session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
outputs = [one.name for one in session.get_outputs()]


def run(**tensors):
    return dict(zip(outputs, session.run(outputs, tensors)))

"""
