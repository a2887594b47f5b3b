"""LiteRT, once TensorFlow Lite, of its built-in operations alone."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from stillmotion.errors import StillmotionError
from stillmotion.exporting import saved_model
from stillmotion.exporting.program import Named, Program, Runner, missing, threads


def write(program: Program, file: Path) -> None:
    """From a SavedModel, for the names of inputs and outputs.

    Raises:
        StillmotionError: operations are needed that LiteRT alone has not.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write(program, Path(folder))
        import tensorflow as tf

        try:
            file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
        except Exception as error:
            lacking = re.search(r"(?:TF Select|Flex|Custom) ops: (.+)", str(error))
            if not lacking:
                raise
            raise StillmotionError(
                f"LiteRT alone has no {lacking[1].strip()}: it would need TensorFlow beside it (Flex)"
            ) from None


def load(file: Path) -> Runner:
    """Its interpreter, which sees one clip at a time.

    Raises:
        StillmotionError: ai-edge-litert is missing.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing("ai_edge_litert", "litert", error) from None
    interpreter = Interpreter(model_path=str(file), num_threads=threads() or None)
    signature = next(iter(interpreter.get_signature_list()))

    def run(tensors: Named) -> Named:
        found: dict[str, Any] = interpreter.get_signature_runner(signature)(**tensors)
        return found

    return run


OPENING = """from ai_edge_litert.interpreter import Interpreter

HERE = Path(__file__).parent
interpreter = Interpreter(model_path=str(HERE / "model.tflite"))
signature = next(iter(interpreter.get_signature_list()))


def run(**tensors):
    return interpreter.get_signature_runner(signature)(**tensors)

"""
