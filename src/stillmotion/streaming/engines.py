"""What runs a block of a divided model: one table. All give the same answers, within 1e-4 of the model's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.exporting import onnx, openvino
from stillmotion.exporting.program import Program, Runner, Tensor
from stillmotion.streaming.block import Block
from stillmotion.streaming.planning import make_stream_plan

# New frames and what was kept -> answers and what to keep, which only the engine need understand.
Step = Callable[[NDArray[Any], list[Any]], tuple[Any, list[Any]]]


@dataclass(frozen=True)
class Engine:
    """`blocks` are windows that are worked on at once, where so many are there, each compiled when first used."""

    compile: Callable[[Block, int], Step]
    blocks: tuple[int, ...]


def program_of(block: Block, streams: int) -> Program:
    """A block with its state as further inputs and outputs."""
    frames, kept = block.specs(streams)
    states = [Tensor(f"state_{number}", one.shape, one.dtype) for number, one in enumerate(kept)]
    outputs = ("answers", *(f"next_{state.name}" for state in states))
    return Program(block, lambda *tensors: block([*tensors], training=False),
                   (Tensor("frames", frames.shape, frames.dtype), *states), outputs)  # fmt: skip


def stream_program(model: keras.Model, *, hop: int = 1) -> Program:
    """The step of one stream, a window at a time.

    Raises:
        UsageError: see `make_stream_plan`.
    """
    return program_of(Block(model, make_stream_plan(model, hop), 1), 1)


def on_keras(block: Block, streams: int) -> Step:
    """The backend itself, without what `predict_on_batch` does around it; what is kept stays with the backend."""
    backend = keras.backend.backend()
    call = (_eagerly if block.run_eagerly else _COMPILERS.get(backend, _as_a_batch))(block, streams)

    def step(frames: NDArray[Any], kept: list[Any]) -> tuple[Any, list[Any]]:
        answers, *after = call([frames, *kept])
        return np.asarray(answers), after

    return step


def _eagerly(block: Block, streams: int) -> Callable[[list[Any]], Any]:
    return lambda tensors: block([keras.ops.convert_to_tensor(one) for one in tensors], training=False)


def _as_a_batch(block: Block, streams: int) -> Callable[[list[Any]], Any]:
    return lambda tensors: block.predict_on_batch([np.asarray(one) for one in tensors])


def _by_tensorflow(block: Block, streams: int) -> Callable[[list[Any]], Any]:
    """Weights become constants: all that depends on them alone is computed once, half of a small model's operations.

    The function is called as the operation that it is, without the checks of arguments around it: they and what comes
    with them take 60 of a small model's 240 microseconds.
    """
    import tensorflow as tf

    frames, kept = block.specs(streams)
    signature = [tf.TensorSpec(one.shape, one.dtype) for one in (frames, *kept)]
    weights = [(variable, variable.numpy()) for variable in block.variables]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def function(*tensors: Any) -> Any:
        with keras.StatelessScope(state_mapping=[(variable, tf.constant(value)) for variable, value in weights]):
            return block([*tensors], training=False)

    concrete = function.get_concrete_function()
    dtypes, captured = [one.dtype for one in concrete.outputs], concrete.captured_inputs

    run = partial(tf.raw_ops.StatefulPartitionedCall, Tout=dtypes, f=concrete.inference_fn)
    return lambda tensors: run(args=[*tensors, *captured])


def _by_jax(block: Block, streams: int) -> Callable[[list[Any]], Any]:
    import jax

    variables = block.variables

    @jax.jit
    def function(values: list[Any], tensors: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return block(tensors, training=False)

    return lambda tensors: function([variable.value for variable in variables], tensors)


_COMPILERS: Mapping[str, Callable[[Block, int], Callable[[list[Any]], Any]]] = {
    "tensorflow": _by_tensorflow,
    "jax": _by_jax,
}


def _exported(load: Callable[[bytes], Runner]) -> Callable[[Block, int], Step]:
    def compile_block(block: Block, streams: int) -> Step:
        program = program_of(block, streams)
        run = load(onnx.convert(program))
        names = [one.name for one in program.inputs]

        def step(frames: NDArray[Any], kept: list[Any]) -> tuple[Any, list[Any]]:
            found = run(dict(zip(names, [frames, *kept], strict=True)))
            return np.array(found["answers"]), [found[f"next_{name}"] for name in names[1:]]

        return step

    return compile_block


ENGINES: Mapping[str, Engine] = {
    "keras": Engine(on_keras, (16, 4, 1)),
    # To convert a block takes seconds, and a call costs next to nothing.
    "onnx": Engine(_exported(onnx.load), (1,)),
    "openvino": Engine(_exported(openvino.load), (1,)),
}
