"""Attention over the frames: queries, keys and values are each frame's own; who heeds whom is the window's."""

from __future__ import annotations

from typing import Any

from keras import ops

from stillmotion.models.keras_graph import Ref
from stillmotion.streaming.actions import FullWindow, OpView, PerFrame, Ruling


def attention(view: OpView) -> Ruling:
    layer, node = view.operation, view.node
    if view.axis != 1 or len(view.shape) != 3 or layer.get_config()["attention_axes"] not in (None, [1], (1,)):
        return "it is not over the frames alone"
    given = dict(zip(("query", "value", "key"), node.args, strict=False)) | node.kwargs
    query, value = given.pop("query"), given.pop("value")
    key = given.pop("key", None) or value
    if not all(isinstance(one, Ref) for one in (query, value, key)) or any(
        told not in (None, False) for told in given.values()
    ):
        return "it is given a mask, or returns its scores"
    heads, inner, outer = layer.num_heads, layer.key_dim, layer.value_dim or layer.key_dim
    widths = [heads * inner, heads * inner, heads * outer]

    def projected(*frames: Any) -> Any:
        tensors = dict(zip(node.inputs, frames, strict=True))
        found = [layer.query_dense(tensors[query]), layer.key_dense(tensors[key]), layer.value_dense(tensors[value])]
        return ops.concatenate(
            [ops.reshape(one, (-1, one.shape[1], width)) for one, width in zip(found, widths, strict=True)], axis=-1
        )

    def attended(found: Any) -> Any:
        q, k, v = (
            ops.reshape(part, (-1, view.length, heads, side))
            for part, side in zip(
                ops.split(found, [widths[0], 2 * widths[0]], axis=-1), (inner, inner, outer), strict=True
            )
        )
        shares = ops.softmax(ops.einsum("btnh,bsnh->bnts", q * inner**-0.5, k), axis=-1)
        return layer.output_dense(ops.einsum("bnts,bsnh->btnh", shares, v))

    return [PerFrame(projected, 1), FullWindow(attended)]
