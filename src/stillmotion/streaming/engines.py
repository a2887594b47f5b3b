"""What runs a block of a divided model: one table. All engines predict the same, within 1e-4 of the model itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import UsageError
from stillmotion.exporting import onnx, openvino
from stillmotion.exporting.program import Program, Runner, Tensor
from stillmotion.streaming.block import Block
from stillmotion.streaming.planning import make_stream_plan

# New frames and what was kept -> probabilities and what to keep. Only the engine has to understand what is kept.
Step = Callable[[NDArray[Any], list[Any]], tuple[Any, list[Any]]]


@dataclass(frozen=True)
class Engine:
    """A way to run blocks.

    Attributes:
        compile: makes the step of a block, for a number of streams.
        block_sizes: how many windows are advanced at once if that many are ready, largest first. Each size is compiled
            when it is first used.
    """

    compile: Callable[[Block, int], Step]
    block_sizes: tuple[int, ...]


def program_of(block: Block, streams: int) -> Program:
    """A block as a program, with its state as further inputs and outputs."""
    frames, kept = block.specs(streams)
    states = [Tensor(f"state_{number}", spec.shape, spec.dtype) for number, spec in enumerate(kept)]
    inputs = (Tensor("frames", frames.shape, frames.dtype), *states)
    outputs = ("probabilities", *(f"next_{state.name}" for state in states))
    return Program(block, lambda *tensors: block([*tensors], training=False), inputs, outputs)


def stream_program(model: keras.Model, *, hop: int = 1) -> Program:
    """The step that advances one stream by one window.

    Args:
        model: see `stream_model`.
        hop: new frames of each step.

    Returns:
        A program with inputs `frames`, `state_0`, ... and outputs `probabilities`, `next_state_0`, ...

    Raises:
        UsageError: see `make_stream_plan`.
    """
    plan = make_stream_plan(model, hop)
    if plan.stateful:
        raise UsageError(f"{model.name}: a stateful model's state cannot be exported; set stateful=False")
    return program_of(Block(model, plan, 1), 1)


def on_keras(block: Block, streams: int) -> Step:
    """Run on Keras's backend, without what `predict_on_batch` does around it. What is kept stays with the backend."""
    backend = keras.backend.backend()
    # Compiled, a model's own state would not change.
    eager = block.run_eagerly or block.plan.stateful
    call = (_eagerly if eager else _COMPILERS.get(backend, _as_a_batch))(block, streams)

    def step(frames: NDArray[Any], kept: list[Any]) -> tuple[Any, list[Any]]:
        probabilities, *next_kept = call([frames, *kept])
        return np.asarray(probabilities), next_kept

    return step


def _eagerly(block: Block, streams: int) -> Callable[[list[Any]], Any]:
    return lambda tensors: block([keras.ops.convert_to_tensor(tensor) for tensor in tensors], training=False)


def _as_a_batch(block: Block, streams: int) -> Callable[[list[Any]], Any]:
    return lambda tensors: block.predict_on_batch([np.asarray(tensor) for tensor in tensors])


# Weights up to this many numbers each, and up to this many in all, are compiled as constants. Whatever depends on them
# alone is then computed once, which is half of the operations of a small model. More would make compiling slow, and a
# copy of them for each block.
MAX_CONSTANT, MAX_CONSTANTS = 2**18, 2**20


def _by_tensorflow(block: Block, streams: int) -> Callable[[list[Any]], Any]:
    """Compile with small weights as constants; the others stay variables."""
    import tensorflow as tf

    frames, kept = block.specs(streams)
    signature = [tf.TensorSpec(spec.shape, spec.dtype) for spec in (frames, *kept)]
    weights = [(variable, variable.numpy()) for variable in _small(block.variables)]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def function(*tensors: Any) -> Any:
        with keras.StatelessScope(state_mapping=[(variable, tf.constant(value)) for variable, value in weights]):
            return block([*tensors], training=False)

    # The function is called as the operation that it is, without the checks of arguments around it: these take 60 of a
    # small model's 240 microseconds.
    concrete = function.get_concrete_function()
    dtypes, captured = [output.dtype for output in concrete.outputs], concrete.captured_inputs
    run = partial(tf.raw_ops.StatefulPartitionedCall, Tout=dtypes, f=concrete.inference_fn)
    return lambda tensors: run(args=[*tensors, *captured])


def _small(variables: Sequence[Any]) -> list[Any]:
    """The smallest variables, as many as may be constants."""
    small: list[Any] = []
    total = 0
    for variable in sorted(variables, key=lambda variable: math.prod(variable.shape)):
        size = math.prod(variable.shape)
        total += size
        if size > MAX_CONSTANT or total > MAX_CONSTANTS:
            break
        small.append(variable)
    return small


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


def exported(load: Callable[[bytes], Runner]) -> Callable[[Block, int], Step]:
    """An engine's `compile` that exports the block to ONNX.

    Args:
        load: makes a runner of an ONNX model.

    Returns:
        The function.
    """

    def compile_block(block: Block, streams: int) -> Step:
        program = program_of(block, streams)
        run = load(onnx.convert(program))
        names = [tensor.name for tensor in program.inputs]

        def step(frames: NDArray[Any], kept: list[Any]) -> tuple[Any, list[Any]]:
            outputs = run(dict(zip(names, [frames, *kept], strict=True)))
            return np.array(outputs["probabilities"]), [outputs[f"next_{name}"] for name in names[1:]]

        return step

    return compile_block


ENGINES: Mapping[str, Engine] = {
    "keras": Engine(on_keras, (16, 4, 1)),
    # Converting a block takes seconds and a call costs next to nothing, so one size is enough.
    "onnx": Engine(exported(onnx.load), (1,)),
    "openvino": Engine(exported(openvino.load), (1,)),
}
