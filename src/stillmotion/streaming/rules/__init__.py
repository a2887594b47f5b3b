"""What each operation does with time: one table. To add an operation, add its row, and a rule if no existing one fits.

An operation that has no row runs on the whole window, and `StreamModel.layers` says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras

from stillmotion.models.keras_graph import Node, is_kerass_own
from stillmotion.streaming.actions import Actions, Axis, OpView, PerFrame, Rule
from stillmotion.streaming.rules import attention, convolutions, indexing, per_frame, pooling, recurrent


def _rows(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


LAYERS: Mapping[str, Rule] = {
    **_rows(
        per_frame.elementwise,
        "ActivityRegularization AlphaDropout Dropout ELU GaussianDropout GaussianNoise Identity LeakyReLU ReLU "
        "Rescaling SpatialDropout1D SpatialDropout2D SpatialDropout3D",
    ),
    "Activation": per_frame.activation,
    "PReLU": per_frame.prelu,
    "Masking": per_frame.masking,
    "GroupNormalization": per_frame.group_normalization,
    **_rows(
        per_frame.elementwise,
        "Add Average Maximum Minimum Multiply Subtract",
    ),
    **_rows(
        per_frame.other_axes,
        "BatchNormalization LayerNormalization Normalization RMSNormalization Softmax UnitNormalization",
    ),
    "Concatenate": per_frame.other_axes,
    "Dense": per_frame.dense,
    "EinsumDense": per_frame.einsum,
    "TimeDistributed": per_frame.time_distributed,
    "Flatten": indexing.reshape,
    "Reshape": indexing.reshape,
    "Permute": indexing.permute,
    **_rows(
        indexing.crop,
        "Cropping1D Cropping2D Cropping3D",
    ),
    **_rows(
        indexing.pad,
        "ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    ),
    **_rows(
        convolutions.convolution,
        "Conv1D Conv2D Conv3D",
    ),
    **_rows(
        convolutions.separable,
        "DepthwiseConv1D SeparableConv1D",
    ),
    **_rows(
        pooling.maximum,
        "MaxPooling1D MaxPooling2D MaxPooling3D",
    ),
    **_rows(
        pooling.average,
        "AveragePooling1D AveragePooling2D AveragePooling3D",
    ),
    **_rows(
        pooling.global_maximum,
        "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D",
    ),
    **_rows(
        pooling.global_average,
        "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D",
    ),
    "GRU": recurrent.recurrent,
    "LSTM": recurrent.recurrent,
    "RNN": recurrent.recurrent,
    "SimpleRNN": recurrent.recurrent,
    **_rows(
        recurrent.recurrent,
        "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
    ),
    "Bidirectional": recurrent.bidirectional,
    "MultiHeadAttention": attention.attention,
}

OPERATIONS: Mapping[str, Rule] = {
    **_rows(
        per_frame.elementwise,
        "Abs Absolute Add Arctan Arctan2 Cast Ceil Celu Clip Copy Cos Divide DivideNoNan Elu Equal Erf Exp Expm1 Floor "
        "FloorDivide Gelu Greater GreaterEqual HardShrink HardSigmoid HardSilu HardTanh Isfinite Isnan Less LessEqual "
        "LeakyRelu Log Log10 Log1p Log2 LogSigmoid Logaddexp LogicalAnd LogicalNot LogicalOr LogicalXor Maximum "
        "Minimum Mod Multiply NanToNum Negative NotEqual OnesLike Power Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid "
        "Sign Silu Sin SoftShrink Softplus Softsign Sqrt Square Squareplus StopGradient Subtract Tan Tanh TanhShrink "
        "TrueDivide Where ZerosLike",
    ),
    **_rows(
        per_frame.other_axes,
        "Concatenate Glu LogSoftmax Softmax Sparsemax",
    ),
    **_rows(
        per_frame.reduction,
        "All Amax Amin Any Argmax Argmin CountNonzero LogSumExp Logsumexp Max Mean Median Min Norm Prod Std Sum Var",
    ),
    "OneHot": per_frame.one_hot,
    "Matmul": per_frame.matmul,
    "Reshape": indexing.reshape,
    "Transpose": indexing.transpose,
    "ExpandDims": indexing.expand,
    "Squeeze": indexing.squeeze,
    "Moveaxis": indexing.moveaxis,
    "Swapaxes": indexing.swapaxes,
    "Pad": indexing.pad_operation,
    "GetItem": indexing.get_item,
    "Take": indexing.take,
}


# Layers that may do anything: with masks, or in code that is not Keras's.
_OPAQUE = ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper")


def rule_of(node: Node, axis: Axis) -> Rule | None:
    """The rule of an operation, or None if it is not known, as for operations that are not Keras's own.

    Where frames are folded into the batch, Keras's layers need no row, because they treat each sample of a batch by
    itself. For all else, such as layers of somebody else, only a trial can show that.
    """
    operation, name = node.operation, type(node.operation).__name__
    if is_kerass_own(operation) and name not in _OPAQUE:
        rule = (LAYERS if isinstance(operation, keras.Layer) else OPERATIONS).get(name)
        if rule is not None or axis != 0:
            return rule
        if isinstance(operation, keras.Layer) and not node.kwargs.get("training"):
            return OpView.per_frame
    return _unproved if axis == 0 and not node.kwargs.get("training") else None


def _unproved(view: OpView) -> Actions:
    return [PerFrame(view.call, view.axis, unproved=True)]


def unknown(node: Node) -> str:
    """The reason of a call that has no rule."""
    if node.opaque:
        return f"what {type(node.operation).__name__} does with time is not known ({node.opaque})"
    if node.kwargs.get("training"):
        return "it runs in training mode"
    return f"what {type(node.operation).__name__} does with time is not known"
