"""Attention over frames: queries, keys and values are computed once per frame, the attention itself for each window."""

from __future__ import annotations

from typing import Any

from keras import ops

from stillmotion.models.keras_graph import Ref
from stillmotion.streaming.actions import Actions, FullWindow, OpView, PerFrame
from stillmotion.streaming.rules.per_frame import convert


def attention(view: OpView) -> Actions:
    """`MultiHeadAttention` within each frame, or over the time axis, without a mask."""
    layer, node = view.operation, view.node
    axes = layer.get_config()["attention_axes"]
    rank = len(view.shape)
    within = view.axis == 0 or (axes is not None and view.axis not in view.positive_axes(tuple(axes)))
    if within and view.axis != rank - 1 and all(shape[view.axis] == view.shape[view.axis] for shape in view.shapes):
        return view.per_frame()
    if view.axis != 1 or rank != 3 or axes not in (None, [1], (1,)):
        return "it attends to more than the frames"
    arguments = dict(zip(("query", "value", "key"), node.args, strict=False)) | node.kwargs
    query, value = arguments.pop("query"), arguments.pop("value")
    key = arguments.pop("key", None) or value
    if arguments.pop("training", False):
        return "it runs in training mode"
    tensors_only = all(isinstance(tensor, Ref) for tensor in (query, value, key))
    if not tensors_only or any(argument not in (None, False) for argument in arguments.values()):
        return "it is given a mask, or returns its scores"
    heads, inner, outer = layer.num_heads, layer.key_dim, layer.value_dim or layer.key_dim
    widths = [heads * inner, heads * inner, heads * outer]

    def project(*frames: Any) -> Any:
        tensors = dict(zip(node.inputs, (convert(layer, frame) for frame in frames), strict=True))
        parts = [layer.query_dense(tensors[query]), layer.key_dense(tensors[key]), layer.value_dense(tensors[value])]
        return ops.concatenate(
            [ops.reshape(part, (-1, part.shape[1], width)) for part, width in zip(parts, widths, strict=True)], axis=-1
        )

    def attend(projected: Any) -> Any:
        parts = ops.split(projected, [widths[0], 2 * widths[0]], axis=-1)
        q, k, v = (
            ops.reshape(part, (-1, view.length, heads, size))
            for part, size in zip(parts, (inner, inner, outer), strict=True)
        )
        weights = ops.softmax(ops.einsum("btnh,bsnh->bnts", q * inner**-0.5, k), axis=-1)
        return layer.output_dense(ops.einsum("bnts,bsnh->btnh", weights, v))

    return [PerFrame(project, 1), FullWindow(attend)]
