"""TensorFlow's SavedModel, with one signature."""

from __future__ import annotations

from pathlib import Path

from stillmotion.exporting.program import Named, Program, Runner, traced


def write(program: Program, folder: Path) -> None:
    function = traced(program)
    import tensorflow as tf

    module = tf.Module()
    module.weights = [variable.value for variable in program.model.variables]
    tf.saved_model.save(module, str(folder), signatures=function)


def load(folder: Path) -> Runner:
    import tensorflow as tf

    module = tf.saved_model.load(str(folder))

    def run(tensors: Named) -> Named:
        found = module.signatures["serving_default"](**{name: tf.constant(one) for name, one in tensors.items()})
        return {name: one.numpy() for name, one in found.items()}

    return run


OPENING = """import tensorflow as tf

HERE = Path(__file__).parent
model = tf.saved_model.load(str(HERE / "model"))


def run(**tensors):
    found = model.signatures["serving_default"](**{name: tf.constant(one) for name, one in tensors.items()})
    return {name: one.numpy() for name, one in found.items()}

"""
