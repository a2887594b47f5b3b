"""A Keras model -> the list of its operations, by public API alone: `get_config` says who feeds whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from stillmotion.errors import UsageError

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Ref:
    """A tensor of the graph, by its number."""

    number: int


@dataclass(frozen=True)
class Node:
    """One call of one operation. `args` and `kwargs` hold a `Ref` wherever a tensor goes in."""

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Ref, ...]
    outputs: dict[int, Ref]  # those that are used, by their place among the operation's results

    def call(self, tensors: dict[Ref, Any]) -> Any:
        """Call the operation on these tensors."""
        args, kwargs = keras.tree.map_structure(
            lambda leaf: tensors[leaf] if isinstance(leaf, Ref) else leaf, (self.args, self.kwargs)
        )
        return self.operation(*args, **kwargs)


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can be run; nested models are unfolded. Shapes begin with the batch: None."""

    nodes: tuple[Node, ...]
    clip: Ref
    answer: Ref
    specs: dict[Ref, keras.KerasTensor]

    def shape(self, ref: Ref) -> Shape:
        return tuple(self.specs[ref].shape)


def read_graph(model: keras.Model) -> Graph:
    """The operations between the one input of a model and its one output.

    A model that is not made of operations (a subclass of `keras.Model` with its own `call`) is one node.

    Raises:
        UsageError: several inputs or outputs, an open number of frames, or a layer that carries state on.
    """
    shapes = getattr(model, "inputs", None)
    if not shapes or len(shapes) != 1 or len(model.outputs) != 1:
        raise UsageError(f"{model.name}: a model that is streamed is built, and has one input and one output")
    clip = keras.KerasTensor(shapes[0].shape, dtype=shapes[0].dtype)
    if None in clip.shape[1:]:
        raise UsageError(
            f"{model.name}: its input is {tuple(clip.shape)}; build it with a known number of frames and size"
        )
    reader = _Reader()
    start = reader.new(clip)
    (answer,) = reader.add(model, (start,), {}, {0: model.outputs[0]}).values()
    return Graph(tuple(reader.nodes), start, answer, reader.specs)


class _Reader:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.specs: dict[Ref, keras.KerasTensor] = {}

    def new(self, spec: keras.KerasTensor) -> Ref:
        ref = Ref(len(self.specs))
        self.specs[ref] = spec
        return ref

    def add(
        self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: dict[int, keras.KerasTensor]
    ) -> dict[int, Ref]:
        if getattr(operation, "stateful", False) is True:
            raise UsageError(
                f"{operation.name}: a stateful layer's answer depends on all earlier windows; "
                "set stateful=False to stream windows"
            )
        refs = tuple(leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, Ref))
        if _is_functional(operation) and len(refs) == len(operation.inputs) and not kwargs.get("mask"):
            return dict(enumerate(self.unfold(operation, list(refs))))
        outputs = {place: self.new(spec) for place, spec in results.items()}
        self.nodes.append(Node(operation, args, kwargs, refs, outputs))
        return outputs

    def unfold(self, model: keras.Model, inputs: list[Ref]) -> list[Ref]:
        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs)
        config = model.get_config()
        operations = {operation.name: operation for operation in model.operations}
        # As an output, a nested model's first call is number 1: Keras counts the call that made it.
        shift = {name: int(isinstance(one, _functional())) for name, one in operations.items()}
        ends = [(name, max(index - shift[name], 0), place) for name, index, place in _ends(config["output_layers"])]
        calls = {
            (entry["name"], number): call
            for entry in config["layers"]
            for number, call in enumerate(entry["inbound_nodes"])
        }
        results: dict[tuple[str, int], dict[int, keras.KerasTensor]] = {}
        used = [one for call in calls.values() for one in _tensors(call)]
        for (name, index, place), spec in [*used, *zip(ends, model.outputs, strict=True)]:
            results.setdefault((name, index), {})[place] = spec
        known: dict[tuple[str, int], dict[int, Ref]] = {
            (name, index): {place: ref}
            for (name, index, place), ref in zip(_ends(config["input_layers"]), inputs, strict=True)
        }
        wanted = [(name, index) for name, index, _ in ends]
        while wanted:  # not recursive: graphs are deep
            one = wanted[-1]
            missing = [] if one in known else [(n, i) for (n, i, _), _ in _tensors(calls[one]) if (n, i) not in known]
            wanted += missing
            if missing:
                continue
            if one not in known:
                args, kwargs = (_filled(calls[one][part], known) for part in ("args", "kwargs"))
                known[one] = self.add(operations[one[0]], tuple(args), dict(kwargs), results[one])
            wanted.pop()
        return [known[name, index][place] for name, index, place in ends]


def _is_functional(operation: Any) -> bool:
    """Whether it is made of operations that `get_config` names."""
    if isinstance(operation, keras.Sequential):
        return bool(operation.built and operation.inputs)
    functional = _functional()
    return isinstance(operation, functional) and type(operation).call is functional.call


@cache
def _functional() -> Any:
    """The class that `keras.Model(inputs, outputs)` makes; it has no public name."""
    tensor = keras.Input((1,))
    return type(keras.Model(tensor, tensor))


def _ends(found: list[Any]) -> list[tuple[str, int, int]]:
    """One end is given bare, several in a list; in names, they are in order."""
    if found and isinstance(found[0], str):
        found = [found]
    return [(name, index, place) for name, index, place in keras.tree.map_structure(lambda one: one, found)]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _tensors(value: Any) -> list[tuple[tuple[str, int, int], keras.KerasTensor]]:
    """The tensors that a call takes: whose they are, and what."""
    if _is_tensor(value):
        config = value["config"]
        name, index, place = config["keras_history"]
        return [((name, index, place), keras.KerasTensor(config["shape"], config["dtype"]))]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [one for part in inside for one in _tensors(part)]


def _filled(value: Any, known: dict[tuple[str, int], dict[int, Ref]]) -> Any:
    if _is_tensor(value):
        name, index, place = value["config"]["keras_history"]
        return known[name, index][place]
    if isinstance(value, list | tuple):
        return type(value)(_filled(part, known) for part in value)
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    if isinstance(value, dict):
        return {key: _filled(part, known) for key, part in value.items()}
    return value
