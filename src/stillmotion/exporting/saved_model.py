"""TensorFlow's SavedModel, with one signature."""

from __future__ import annotations

from pathlib import Path

from stillmotion.exporting.program import NamedArrays, Program, Runner, traced


def write(program: Program, folder: Path) -> None:
    """Write the program as a SavedModel folder."""
    function = traced(program)
    import tensorflow as tf

    module = tf.Module()
    module.weights = [variable.value for variable in program.model.variables]
    tf.saved_model.save(module, str(folder), signatures=function)


def load(folder: Path) -> Runner:
    """Load a SavedModel that this package wrote. Loading one from elsewhere would run what it contains."""
    import tensorflow as tf

    module = tf.saved_model.load(str(folder))

    def run(tensors: NamedArrays) -> NamedArrays:
        outputs = module.signatures["serving_default"](**{name: tf.constant(array) for name, array in tensors.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return run


OPENING = """import tensorflow as tf

HERE = Path(__file__).parent
model = tf.saved_model.load(str(HERE / "model"))


def run(**tensors):
    outputs = model.signatures["serving_default"](**{name: tf.constant(array) for name, array in tensors.items()})
    return {name: tensor.numpy() for name, tensor in outputs.items()}

"""
