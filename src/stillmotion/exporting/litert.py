"""LiteRT, formerly TensorFlow Lite, with its built-in operations only."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from stillmotion.errors import StillmotionError
from stillmotion.exporting import saved_model
from stillmotion.exporting.program import NamedArrays, Program, Runner, missing, threads


def write(program: Program, file: Path) -> None:
    """Write the program by way of a SavedModel, which keeps the names of inputs and outputs.

    Args:
        program: what to write.
        file: the `.tflite` file.

    Raises:
        StillmotionError: the program needs operations that LiteRT alone does not have.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write(program, Path(folder))
        import tensorflow as tf

        try:
            file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
        except Exception as error:
            missing_ops = re.search(r"(?:TF Select|Flex|Custom) ops: (.+)", str(error))
            if not missing_ops:
                raise
            raise StillmotionError(
                f"LiteRT alone has no {missing_ops[1].strip()}: it would need TensorFlow as well (Flex)"
            ) from None


def load(file: Path) -> Runner:
    """Load a file into LiteRT's interpreter, which takes one clip at a time.

    Args:
        file: the `.tflite` file.

    Returns:
        What runs it.

    Raises:
        StillmotionError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing("ai_edge_litert", "litert", error) from None
    interpreter = Interpreter(model_path=str(file), num_threads=threads() or None)
    signature = next(iter(interpreter.get_signature_list()))

    def run(tensors: NamedArrays) -> NamedArrays:
        outputs: dict[str, Any] = interpreter.get_signature_runner(signature)(**tensors)
        return outputs

    return run


OPENING = """from ai_edge_litert.interpreter import Interpreter

HERE = Path(__file__).parent
interpreter = Interpreter(model_path=str(HERE / "model.tflite"))
signature = next(iter(interpreter.get_signature_list()))


def run(**tensors):
    return interpreter.get_signature_runner(signature)(**tensors)

"""
