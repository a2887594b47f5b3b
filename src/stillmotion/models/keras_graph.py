"""Walk through a Keras model by public API: `iter_layers` for the layers, `read_graph` for the calls between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from stillmotion.errors import UsageError

Shape = tuple[int | None, ...]
# Where a tensor comes from: the operation's name, which of its calls, and which of that call's results.
_Source = tuple[str, int, int]
_Call = tuple[str, int]


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
        inputs: the tensors among the arguments, in order.
        outputs: the results that are used, by their place among all results of the call.
    """

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Ref, ...]
    outputs: dict[int, Ref]

    def call(self, tensors: dict[Ref, Any]) -> Any:
        """Call the operation with these tensors in place of the references."""
        args, kwargs = self.arguments(tensors)
        return self.operation(*args, **kwargs)

    def arguments(self, tensors: dict[Ref, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the call, with these tensors in place of the references."""
        args, kwargs = keras.tree.map_structure(
            lambda leaf: tensors[leaf] if isinstance(leaf, Ref) else leaf, (self.args, self.kwargs)
        )
        return args, kwargs


@dataclass(frozen=True)
class Graph:
    """The calls that a model is made of.

    Attributes:
        nodes: the calls in an order in which they can be run. Nested models are unfolded into their own calls.
        input: the model's input.
        output: the model's output.
        specs: shape and dtype of each tensor; shapes begin with the batch, which is None.
    """

    nodes: tuple[Node, ...]
    input: Ref
    output: Ref
    specs: dict[Ref, keras.KerasTensor]

    def shape(self, ref: Ref) -> Shape:
        """The shape of a tensor."""
        return tuple(self.specs[ref].shape)


def read_graph(model: keras.Model) -> Graph:
    """The calls between the one input of a model and its one output.

    Only public API is used: `get_config` says which call feeds which. A model that is not made of such calls (a
    subclass of `keras.Model` with its own `call`) is a single node.

    Args:
        model: a built model with one input and one output.

    Returns:
        The graph, whose operations are the model's own.

    Raises:
        UsageError: the model is not built, or has several inputs or outputs.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs or len(inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(f"{model.name}: expected a built model with one input and one output")
    reader = _GraphReader()
    start = reader.new_ref(keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype))
    (end,) = reader.add_call(model, (start,), {}, {0: model.outputs[0]}).values()
    return Graph(tuple(reader.nodes), start, end, reader.specs)


class _GraphReader:
    """Collects nodes while it unfolds models."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.specs: dict[Ref, keras.KerasTensor] = {}

    def new_ref(self, spec: keras.KerasTensor) -> Ref:
        ref = Ref(len(self.specs))
        self.specs[ref] = spec
        return ref

    def add_call(
        self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: dict[int, keras.KerasTensor]
    ) -> dict[int, Ref]:
        """Add a call, or, for a model made of calls, the calls inside of it; return its results by place."""
        refs = tuple(leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, Ref))
        if _is_functional(operation) and len(refs) == len(operation.inputs) and not kwargs.get("mask"):
            return dict(enumerate(self._unfold(operation, list(refs))))
        outputs = {place: self.new_ref(spec) for place, spec in results.items()}
        self.nodes.append(Node(operation, args, kwargs, refs, outputs))
        return outputs

    def _unfold(self, model: keras.Model, inputs: list[Ref]) -> list[Ref]:
        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs)
        config = model.get_config()
        operations = {operation.name: operation for operation in model.operations}
        calls: dict[_Call, Any] = {
            (entry["name"], number): call
            for entry in config["layers"]
            for number, call in enumerate(entry["inbound_nodes"])
        }
        # In the list of outputs, the first call of a nested model is number 1: Keras counts the call that made it.
        ends = [
            (name, max(number - isinstance(operations[name], _functional_class()), 0), place)
            for name, number, place in _sources(config["output_layers"])
        ]

        # The results of each call that are used, with their shapes.
        results: dict[_Call, dict[int, keras.KerasTensor]] = {}
        used = [tensor for call in calls.values() for tensor in _tensors_in(call)]
        for (name, number, place), spec in [*used, *zip(ends, model.outputs, strict=True)]:
            results.setdefault((name, number), {})[place] = spec

        known: dict[_Call, dict[int, Ref]] = {
            (name, number): {place: ref}
            for (name, number, place), ref in zip(_sources(config["input_layers"]), inputs, strict=True)
        }
        # Depth first from the outputs, with a list in place of recursion: graphs are deeper than Python's stack.
        wanted = [(name, number) for name, number, _ in ends]
        while wanted:
            call = wanted[-1]
            if call not in known:
                missing = [source[:2] for source, _ in _tensors_in(calls[call]) if source[:2] not in known]
                if missing:
                    wanted += missing
                    continue
                args, kwargs = (_fill_in(calls[call][part], known) for part in ("args", "kwargs"))
                known[call] = self.add_call(operations[call[0]], tuple(args), dict(kwargs), results[call])
            wanted.pop()
        return [known[name, number][place] for name, number, place in ends]


def _is_functional(operation: Any) -> bool:
    """Whether `get_config` names the calls that the operation is made of."""
    if isinstance(operation, keras.Sequential):
        return bool(operation.built and operation.inputs)
    functional = _functional_class()
    return isinstance(operation, functional) and type(operation).call is functional.call


@cache
def _functional_class() -> Any:
    """The class that `keras.Model(inputs, outputs)` makes; it has no public name."""
    tensor = keras.Input((1,))
    return type(keras.Model(tensor, tensor))


def _sources(config: list[Any]) -> list[_Source]:
    """The inputs or outputs in a configuration, which holds a single one without a list around it."""
    if config and isinstance(config[0], str):
        config = [config]
    return [(name, number, place) for name, number, place in config]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _tensors_in(value: Any) -> list[tuple[_Source, keras.KerasTensor]]:
    """The tensors among the arguments of a call: where each comes from, with its shape and dtype."""
    if _is_tensor(value):
        config = value["config"]
        name, number, place = config["keras_history"]
        return [((name, number, place), keras.KerasTensor(config["shape"], config["dtype"]))]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors_in(part)]


def _fill_in(value: Any, known: dict[_Call, dict[int, Ref]]) -> Any:
    """Arguments from a configuration, with a `Ref` in place of each tensor."""
    if _is_tensor(value):
        name, number, place = value["config"]["keras_history"]
        return known[name, number][place]
    if isinstance(value, list | tuple):
        return type(value)(_fill_in(part, known) for part in value)
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    if isinstance(value, dict):
        return {key: _fill_in(part, known) for key, part in value.items()}
    return value
