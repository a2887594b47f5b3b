"""Walk through a Keras model: `iter_layers` for its layers, `read_graph` for the calls between them.

Which call made a tensor is recorded by Keras in attributes that have no public name but have been the same in all of
Keras 3: `_keras_history` and `_inbound_nodes`. `_node_of` is the only place that reads them. The public `get_config`
says the same, but not for layers that cannot be saved.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import UsageError

Shape = tuple[int | None, ...]


def iter_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Every layer of a model in order, including those inside of nested models and wrappers.

    A wrapper (`TimeDistributed`, `Bidirectional`) or nested model comes before what it contains. A layer that is called
    several times comes once for each place that it is listed in.

    Args:
        model: any Keras model; of a subclassed model, the layers that Keras tracks.

    Yields:
        The layers.
    """
    for layer in model.layers:
        yield from _with_inner_layers(layer)


def _with_inner_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    yield layer
    if isinstance(layer, keras.Model):
        yield from iter_layers(layer)
        return
    for name in ("layer", "forward_layer", "backward_layer"):
        inner = getattr(layer, name, None)
        if isinstance(inner, keras.layers.Layer):
            yield from _with_inner_layers(inner)


@dataclass(frozen=True)
class Ref:
    """A tensor of a `Graph`, by its number."""

    number: int


@dataclass(frozen=True)
class Node:
    """One call of one operation.

    Attributes:
        operation: the layer or `keras.ops` operation.
        args: its positional arguments, with a `Ref` in place of each tensor.
        kwargs: its keyword arguments, likewise.
        inputs: the different tensors among the arguments, in order.
        outputs: the results, by their place among all results of the call.
        batch: the only batch size that the call takes, or None if it takes any.
        opaque: why the calls inside of a layer that is not Keras's own cannot be seen; empty for Keras's own layers.
    """

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Ref, ...]
    outputs: dict[int, Ref]
    batch: int | None = None
    opaque: str = ""

    def call(self, tensors: Mapping[Ref, Any]) -> Any:
        """Call the operation with these tensors in place of the references."""
        args, kwargs = self.arguments(tensors)
        return self.operation(*args, **kwargs)

    def arguments(self, tensors: Mapping[Ref, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the call, with these tensors in place of the references."""
        args, kwargs = keras.tree.map_structure(
            lambda leaf: tensors[leaf] if isinstance(leaf, Ref) else leaf, (self.args, self.kwargs)
        )
        return args, kwargs


@dataclass(frozen=True)
class Graph:
    """The calls that a model is made of.

    Attributes:
        nodes: the calls in an order in which they can be run. Nested models, and layers that are not Keras's own but
            made of calls of Keras, are unfolded into their own calls.
        input: the model's input.
        output: the model's output.
        specs: shape and dtype of each tensor; shapes begin with the batch, which is None unless the model is built for
            a fixed one.
        indivisible: why the calls one by one do not compute what the model does; empty if they do.
    """

    nodes: tuple[Node, ...]
    input: Ref
    output: Ref
    specs: dict[Ref, keras.KerasTensor]
    indivisible: str = ""

    @property
    def batch(self) -> int | None:
        """The only batch size that the model takes, or None if it takes any."""
        size: int | None = self.shape(self.input)[0]
        return size

    def shape(self, ref: Ref) -> Shape:
        """The shape of a tensor."""
        return tuple(self.specs[ref].shape)


def read_graph(model: keras.Model, *, with_batch_size: bool = True) -> Graph:
    """The calls between the one input of a model and its one output.

    A model or layer with a `call` of its own, a `Lambda` and an `Activation` of a function that is not Keras's are
    called with symbolic tensors, which shows the calls inside. Where that fails, they are single nodes.

    Args:
        model: a built model with one input and one output. Either may be the only item of a list or dictionary.
        with_batch_size: whether code that needs a batch size as a number may see the calls for a batch of one. They
            hold for single clips, but not for frames that are folded into the batch.

    Returns:
        The graph, whose operations are the model's own.

    Raises:
        UsageError: the model is not built, or has several inputs or outputs.
    """
    reader = _GraphReader(with_batch_size)
    inputs, outputs = _ends(model)
    spec = keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype)
    start = reader.new_ref(spec)
    (end,) = reader.add_call(model, (start,), {}, outputs, inputs[0].shape[0]).values()
    used = {end, *(ref for node in reader.nodes for ref in node.inputs)}
    nodes = [
        replace(node, outputs={place: ref for place, ref in node.outputs.items() if ref in used})
        for node in reader.nodes
    ]
    return Graph(tuple(nodes), start, end, reader.specs, reader.indivisible)


def single_call(model: keras.Model) -> Graph:
    """A model as one call of itself.

    Args:
        model: see `read_graph`.

    Returns:
        A graph of a single node.
    """
    inputs, outputs = _ends(model)
    start, end = Ref(0), Ref(1)
    node = Node(WholeModel(model), (start,), {}, (start,), {0: end}, inputs[0].shape[0])
    return Graph((node,), start, end, {start: inputs[0], end: outputs[0]})


@dataclass(frozen=True)
class WholeModel:
    """A model as an operation with one input and one output."""

    model: keras.Model

    @property
    def name(self) -> str:
        return str(self.model.name)

    def __call__(self, batch: Any) -> Any:
        return keras.tree.flatten(self.model(pack_input(self.model, batch), training=False))[0]

    def compute_output_spec(self, batch: Any) -> Any:
        return keras.tree.flatten(self.model.compute_output_spec(pack_input(self.model, batch), training=False))[0]


def pack_input(model: keras.Model, batch: Any) -> Any:
    """A batch in the structure that a model with one input takes it in: itself, or in a list or dictionary."""
    if isinstance(model, keras.Sequential) or not _is_functional(model):
        return batch
    return keras.tree.pack_sequence_as(model.input, [batch])


def predict_batch(model: keras.Model, batch: NDArray[Any]) -> NDArray[Any]:
    """The one output of a model for each of a few inputs, one by one: each batch size would be compiled anew.

    Args:
        model: see `read_graph`.
        batch: the inputs.

    Returns:
        The output as an array.
    """
    size = _ends(model)[0][0].shape[0] or 1
    singles = [np.repeat(batch[at : at + 1], size, axis=0) for at in range(len(batch))]
    return np.concatenate([_first(model.predict_on_batch(pack_input(model, single)))[:1] for single in singles])


def _first(outputs: Any) -> NDArray[Any]:
    return np.asarray(keras.ops.convert_to_numpy(keras.tree.flatten(outputs)[0]))


def _ends(model: keras.Model) -> tuple[list[keras.KerasTensor], list[keras.KerasTensor]]:
    """A model's one input and one output, also of a subclass that was built by a call."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        shape = (model.get_build_config() or {}).get("input_shape") if model.built else None
        if not (isinstance(shape, list | tuple) and all(side is None or isinstance(side, int) for side in shape)):
            raise UsageError(f"{model.name}: expected a built model with one input and one output; call it on a clip")
        inputs = [keras.KerasTensor((None, *shape[1:]), dtype=model.variable_dtype)]
        outputs = keras.tree.flatten(model(inputs[0]))
    if len(inputs) != 1 or len(outputs) != 1:
        names = ", ".join(tensor.name for tensor in (inputs if len(inputs) != 1 else outputs))
        kind = "inputs" if len(inputs) != 1 else "outputs"
        raise UsageError(f"{model.name}: expected a built model with one input and one output, not {kind} {names}")
    return list(inputs), list(outputs)


class _GraphReader:
    """Collects nodes while it unfolds models and layers."""

    def __init__(self, with_batch_size: bool) -> None:
        self.sizes = [None, 1] if with_batch_size else [None]
        self.nodes: list[Node] = []
        self.specs: dict[Ref, keras.KerasTensor] = {}
        self.indivisible = ""
        # Tensors are known by their ids, so they have to stay.
        self._alive: list[Any] = []

    def new_ref(self, spec: keras.KerasTensor) -> Ref:
        ref = Ref(len(self.specs))
        self.specs[ref] = spec
        return ref

    def add_call(
        self,
        operation: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        results: Sequence[keras.KerasTensor],
        batch: int | None,
    ) -> dict[int, Ref]:
        """Add a call, or the calls inside of it; return its results by place."""
        leaves = [leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, Ref)]
        refs = tuple(dict.fromkeys(leaves))
        opaque = ""
        if _is_functional(operation) and self._can_unfold(operation, leaves, args, kwargs):
            return dict(enumerate(self._unfold(operation, leaves, batch)))
        if not is_kerass_own(operation):
            inside = self._trace(operation, args, kwargs, results, batch)
            if not isinstance(inside, str):
                return inside
            opaque = inside
            if any(_has_mask(self.specs[ref]) for ref in refs):
                # Keras's own layers are given their masks as arguments; others find them on their inputs.
                self.indivisible = f"{operation.name} is not Keras's own, and takes a mask"
        outputs = {place: self.new_ref(spec) for place, spec in enumerate(results)}
        self.nodes.append(Node(operation, args, kwargs, refs, outputs, batch, opaque))
        return outputs

    def _can_unfold(self, model: keras.Model, refs: list[Ref], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether the calls inside do what the model does: not in training mode, or with a mask."""
        if kwargs.get("training") or kwargs.get("mask") is not None:
            return False
        if len(refs) > 1 and not isinstance(model, keras.Sequential):
            try:
                keras.tree.assert_same_structure(args[0], model.input)
            except (TypeError, ValueError, IndexError):
                return False
        return [len(self.specs[ref].shape) for ref in refs] == [len(end.shape) for end in model.inputs]

    def _unfold(self, model: keras.Model, inputs: list[Ref], batch: int | None) -> list[Ref]:
        """The calls of a model that is made of calls."""
        known = {}
        for ref, spec in zip(inputs, model.inputs, strict=True):
            source = self.specs[ref]
            if source.dtype != spec.dtype:  # A nested model casts its input.
                cast = keras.ops.cast(keras.KerasTensor(source.shape, source.dtype), spec.dtype)
                ref = self.add_call(_node_of(cast).operation, (ref,), {}, [cast], batch)[0]
            known[id(spec)] = ref
        return self._follow(model.outputs, known, batch, predicting=True)

    def _trace(
        self,
        operation: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        results: Sequence[keras.KerasTensor],
        batch: int | None,
    ) -> dict[int, Ref] | str:
        """The calls inside of a layer's own `call`, or why they cannot be seen."""
        if operation.dtype_policy.compute_dtype != operation.dtype_policy.variable_dtype:
            return "it computes in mixed precision"
        if kwargs.get("training"):
            return "it runs in training mode"
        if getattr(operation, "quantization_mode", None):
            return "it is quantized"
        if any(_has_mask(self.specs[leaf]) for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, Ref)):
            return "it takes a mask"
        if "training" in inspect.signature(operation.call).parameters:
            kwargs = {**kwargs, "training": False}
        # Some code only works if the batch size is a number. It is then that of one window.
        sizes = [batch] if batch is not None else self.sizes
        reason = ""
        for size in sizes:
            known: dict[int, Ref] = {}
            kept = len(self.nodes), len(self.specs)
            try:
                outputs = self._symbolic_outputs(operation, args, kwargs, size, known)
                for output, result in zip(outputs, results, strict=True):
                    if tuple(output.shape[1:]) != tuple(result.shape[1:]) or output.dtype != result.dtype:
                        raise TypeError(f"its result is {output.shape}, not {result.shape}")
                return dict(enumerate(self._follow(outputs, known, size)))
            except Exception as error:  # Foreign code raises anything.
                reason = reason or f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:80]}"
                del self.nodes[kept[0] :]
                for number in range(kept[1], len(self.specs)):
                    del self.specs[Ref(number)]
        return reason

    def _symbolic_outputs(
        self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], size: int | None, known: dict[int, Ref]
    ) -> list[Any]:
        """Call a layer's own code with symbolic tensors; `known` gets the tensors that they stand for."""
        symbols: dict[Ref, keras.KerasTensor] = {}

        def symbol(leaf: Any) -> Any:
            if not isinstance(leaf, Ref):
                return leaf
            if leaf not in symbols:
                spec = self.specs[leaf]
                symbols[leaf] = keras.KerasTensor((size, *spec.shape[1:]), dtype=spec.dtype)
                known[id(symbols[leaf])] = leaf
            return symbols[leaf]

        symbolic_args, symbolic_kwargs = keras.tree.map_structure(symbol, (args, kwargs))
        self._alive.append(symbols)
        with keras.StatelessScope() as scope:
            outputs: list[Any] = keras.tree.flatten(operation.call(*symbolic_args, **symbolic_kwargs))
        if any(scope.get_current_value(variable) is not None for variable in operation.variables):
            raise TypeError("it changes its variables")
        return outputs

    def _follow(
        self, ends: Sequence[keras.KerasTensor], known: dict[int, Ref], batch: int | None, *, predicting: bool = False
    ) -> list[Ref]:
        """Add all calls that lead from known tensors, by their ids, to these ends.

        When a model of recorded calls predicts, Keras runs no layer in training mode, even if it was called so.
        """
        # Depth first from the ends, with a list in place of recursion: graphs are deeper than Python's stack.
        wanted = list(ends)
        while wanted:
            tensor = wanted[-1]
            if id(tensor) not in known:
                node = _node_of(tensor)
                missing = [source for source in node.arguments.keras_tensors if id(source) not in known]
                if missing:
                    wanted += missing
                    continue
                args, kwargs = node.arguments.convert(partial(_known_ref, known))
                if predicting and kwargs.get("training"):
                    kwargs["training"] = False
                added = self.add_call(node.operation, tuple(args), dict(kwargs), node.outputs, batch)
                known |= {id(output): added[place] for place, output in enumerate(node.outputs)}
            wanted.pop()
        return [known[id(end)] for end in ends]


def is_kerass_own(operation: Any) -> bool:
    """Whether an operation is Keras's own and contains no code of somebody else.

    Args:
        operation: a layer or `keras.ops` operation.

    Returns:
        False for foreign layers, and for Keras's where they apply a function that is not Keras's.
    """
    if not type(operation).__module__.startswith("keras.") or isinstance(operation, keras.layers.Lambda):
        return False
    activation = getattr(operation, "activation", None)
    # Only `Activation` and `Dense` are made of calls that can be seen.
    if activation is None or not isinstance(operation, keras.layers.Activation | keras.layers.Dense):
        return True
    return is_kerass_function(activation)


def is_kerass_function(function: Any) -> bool:
    """Whether a function or layer that serves as an activation is Keras's own."""
    module = getattr(function, "__module__", None) or type(function).__module__
    return bool(module.startswith("keras."))


def _is_functional(operation: Any) -> bool:
    """Whether the operation is a model made of calls that Keras has recorded."""
    if isinstance(operation, keras.Sequential):
        return bool(operation.built and operation.inputs)
    functional = _functional_class()
    return isinstance(operation, functional) and type(operation).call is functional.call


@cache
def _functional_class() -> Any:
    """The class that `keras.Model(inputs, outputs)` makes; it has no public name."""
    tensor = keras.Input((1,))
    return type(keras.Model(tensor, tensor))


def _node_of(tensor: keras.KerasTensor) -> Any:
    """Keras's record of the call that made a tensor."""
    operation, number, _ = tensor._keras_history
    return operation._inbound_nodes[number]


def _known_ref(known: Mapping[int, Ref], leaf: Any) -> Any:
    return known[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf


def _has_mask(tensor: keras.KerasTensor) -> bool:
    return getattr(tensor, "_keras_mask", None) is not None
