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
    outputs: tuple[Ref, ...]

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
    (answer,) = reader.add(model, (start,), {})
    return Graph(tuple(reader.nodes), start, answer, reader.specs)


class _Reader:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.specs: dict[Ref, keras.KerasTensor] = {}

    def new(self, spec: keras.KerasTensor) -> Ref:
        ref = Ref(len(self.specs))
        self.specs[ref] = spec
        return ref

    def add(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Ref]:
        if getattr(operation, "stateful", False) is True:
            raise UsageError(
                f"{operation.name}: a stateful layer's answer depends on all earlier windows; "
                "set stateful=False to stream windows"
            )
        refs = tuple(leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, Ref))
        if _is_functional(operation) and len(refs) == len(operation.inputs) and not kwargs.get("mask"):
            return self.unfold(operation, list(refs))
        spec_args, spec_kwargs = keras.tree.map_structure(
            lambda leaf: self.specs[leaf] if isinstance(leaf, Ref) else leaf, (args, kwargs)
        )
        found = keras.tree.flatten(operation.compute_output_spec(*spec_args, **spec_kwargs))
        outputs = [self.new(spec) for spec in found]
        self.nodes.append(Node(operation, args, kwargs, refs, tuple(outputs)))
        return outputs

    def unfold(self, model: keras.Model, inputs: list[Ref]) -> list[Ref]:
        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs)
        config = model.get_config()
        calls = {entry["name"]: entry["inbound_nodes"] for entry in config["layers"]}
        operations = {operation.name: operation for operation in model.operations}
        known: dict[tuple[str, int], list[Ref]] = {
            (name, index): [ref] for (name, index, _), ref in zip(_ends(config["input_layers"]), inputs, strict=True)
        }

        def outputs_of(name: str, index: int) -> list[Ref]:
            stack = [(name, index)]
            while stack:  # not recursive: graphs are deep
                top = stack[-1]
                if top in known:
                    stack.pop()
                    continue
                call = calls[top[0]][top[1]]
                missing = [one for one in _feeds(call) if one not in known]
                if missing:
                    stack += missing
                    continue
                args, kwargs = (_filled(call[part], known) for part in ("args", "kwargs"))
                known[top] = self.add(operations[top[0]], tuple(args), dict(kwargs))
                stack.pop()
            return known[name, index]

        return [outputs_of(name, index)[place] for name, index, place in _ends(config["output_layers"])]


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


def _feeds(value: Any) -> list[tuple[str, int]]:
    if _is_tensor(value):
        name, index, _ = value["config"]["keras_history"]
        return [(name, index)]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [one for part in inside for one in _feeds(part)]


def _filled(value: Any, known: dict[tuple[str, int], list[Ref]]) -> Any:
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
