"""Models that call one network for each frame, in a list, and join the results: the network on all frames at once.

`ops.stack([cnn(x[:, t]) for t in range(frames)], axis=1)` has a graph with as many copies of the calls as there are
frames. Here they become one: frames folded into the batch, the calls of the first copy, and the frames unfolded again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import ops

from stillmotion.models.keras_graph import Graph, Node, Ref


@dataclass(frozen=True)
class _Member:
    """A tensor that is made of one item of another along its axis 1, and the same for each item but for the item.

    Attributes:
        source: the other tensor.
        item: the item's number.
        recipe: what is done to it.
    """

    source: Ref
    item: int
    recipe: str


def join_lists(graph: Graph) -> Graph:
    """Join the calls that are made for each item of a tensor, if their results are stacked or concatenated in order.

    Args:
        graph: the calls of a model.

    Returns:
        Calls with the same result.
    """
    members: dict[Ref, _Member] = {}
    makers: dict[Ref, Node] = {}
    specs = dict(graph.specs)
    nodes: list[Node] = []
    for node in graph.nodes:
        if (member := _member(node, graph, members)) is not None and list(node.outputs) == [0]:
            members[node.outputs[0]], makers[node.outputs[0]] = member, node
        joined = _joined(node, members)
        nodes += [node] if joined is None else _join(node, joined, makers, specs)
    return replace(graph, nodes=_needed(nodes, graph.output), specs=specs)


def _member(node: Node, graph: Graph, members: dict[Ref, _Member]) -> _Member | None:
    """What a call makes of a single item, or None."""
    item = _item(node, graph)
    if item is not None:
        return _Member(node.inputs[0], item, "")
    inputs = [members.get(ref) for ref in node.inputs]
    first = inputs[0] if inputs else None
    if first is None or any(each is None or (each.source, each.item) != (first.source, first.item) for each in inputs):
        return None
    arguments = keras.tree.map_structure(
        lambda leaf: members[leaf].recipe if isinstance(leaf, Ref) else _identity(leaf), (node.args, node.kwargs)
    )
    return _Member(first.source, first.item, f"{_identity(node.operation)}{arguments}")


def _item(node: Node, graph: Graph) -> int | None:
    """The item that `x[:, item]` takes."""
    if type(node.operation).__name__ != "GetItem" or len(node.inputs) != 1:
        return None
    key = node.args[1]
    everything = (slice(None), Ellipsis)
    if not isinstance(key, list | tuple) or len(key) < 2 or key[0] != slice(None) or not isinstance(key[1], int):
        return None
    length = graph.shape(node.inputs[0])[1]
    if length is None or any(part not in everything for part in key[2:]):
        return None
    return key[1] % length


def _identity(leaf: Any) -> str:
    """What is the same for two operations or arguments that do the same."""
    if isinstance(leaf, keras.Operation) and not isinstance(leaf, keras.Layer):
        settings = {name: value for name, value in vars(leaf).items() if not name.startswith("_") and name != "name"}
        return f"{type(leaf).__name__}{settings}"
    plain = leaf is None or isinstance(leaf, bool | int | float | str | slice)
    return repr(leaf) if plain else f"{type(leaf).__name__} {id(leaf)}"


def _joined(node: Node, members: dict[Ref, _Member]) -> list[Ref] | None:
    """The members that a call stacks or concatenates: all items of a tensor, in order."""
    if type(node.operation).__name__ not in ("Stack", "Concatenate") or not isinstance(node.args[0], list | tuple):
        return None
    refs = list(node.args[0])
    found = [members[ref] for ref in refs if isinstance(ref, Ref) and ref in members]
    if len(found) < 2 or len(found) < len(refs) or [each.item for each in found] != list(range(len(found))):
        return None
    return refs if len({(each.source, each.recipe) for each in found}) == 1 else None


def _join(node: Node, refs: list[Ref], makers: dict[Ref, Node], specs: dict[Ref, Any]) -> list[Node]:
    """The calls that take the place of one that joins a list."""
    chain: list[Node] = []
    wanted, seen = [refs[0]], set()
    while wanted:  # The calls of the first copy, the last one first.
        maker = makers[wanted.pop()]
        if id(maker) not in seen:
            seen.add(id(maker))
            chain.append(maker)
            wanted += [ref for ref in maker.inputs if ref in makers]
    order = {id(maker): place for place, maker in enumerate(makers.values())}
    chain.sort(key=lambda maker: order[id(maker)])
    (source,) = {ref for maker in chain for ref in maker.inputs if _is_first(maker, ref, makers)}
    count, batch = len(refs), node.batch
    if specs[source].shape[1] != count:
        return [node]
    nodes: list[Node] = []

    def add(function: Callable[[Any], Any], ref: Ref, result: Ref | None = None) -> Ref:
        """Add an operation of Keras."""
        spec = function(keras.KerasTensor(specs[ref].shape, specs[ref].dtype))
        made = spec._keras_history.operation._inbound_nodes[0]
        args, kwargs = made.arguments.convert(lambda leaf: ref if isinstance(leaf, keras.KerasTensor) else leaf)
        result = result or Ref(len(specs))
        specs[result] = spec
        nodes.append(Node(made.operation, tuple(args), dict(kwargs), (ref,), {0: result}, batch))
        return result

    folded = add(lambda x: ops.reshape(x, (-1, *specs[source].shape[2:])), source)
    known: dict[Ref, Ref] = {}
    for maker in chain:
        output = maker.outputs[0]
        if maker.inputs == (source,):
            known[output] = folded
            continue
        args, kwargs = keras.tree.map_structure(
            lambda leaf: known[leaf] if isinstance(leaf, Ref) else leaf, (maker.args, maker.kwargs)
        )
        known[output] = Ref(len(specs))
        specs[known[output]] = keras.KerasTensor((None, *specs[output].shape[1:]), specs[output].dtype)
        inputs = tuple(known[ref] for ref in maker.inputs)
        nodes.append(Node(maker.operation, args, kwargs, inputs, {0: known[output]}, None, maker.opaque))
    sides, axis = specs[refs[0]].shape[1:], node.operation.axis
    stacked = type(node.operation).__name__ == "Stack"
    axis %= len(sides) + 1 + stacked
    steps: list[Callable[[Any], Any]] = [lambda x: ops.reshape(x, (-1, count, *sides))]
    if axis != 1:
        steps.append(lambda x: ops.moveaxis(x, 1, axis))
    if not stacked:
        steps.append(lambda x: ops.reshape(x, (-1, *specs[node.outputs[0]].shape[1:])))
    ref = known[refs[0]]
    for number, step in enumerate(steps):
        ref = add(step, ref, node.outputs[0] if number == len(steps) - 1 else None)
    return nodes


def _is_first(maker: Node, ref: Ref, makers: dict[Ref, Node]) -> bool:
    return ref not in makers or (maker.inputs == (ref,) and type(maker.operation).__name__ == "GetItem")


def _needed(nodes: list[Node], output: Ref) -> tuple[Node, ...]:
    """The calls whose results are used."""
    used, kept = {output}, []
    for node in reversed(nodes):
        if used & set(node.outputs.values()):
            kept.append(node)
            used |= set(node.inputs)
    return tuple(reversed(kept))
