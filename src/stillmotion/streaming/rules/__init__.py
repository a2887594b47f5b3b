"""What each operation does with time: one table. To add an operation, add its row, and a rule if no existing one fits.

An operation that has no row runs on the whole window, and `StreamModel.layers` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from stillmotion.streaming.actions import Axis, OpView, Rule
from stillmotion.streaming.rules import attention, convolutions, indexing, per_frame, pooling, recurrent


def _rows(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


LAYERS: Mapping[str, Rule] = {
    **_rows(
        per_frame.elementwise,
        "Activation ActivityRegularization AlphaDropout Dropout ELU GaussianDropout GaussianNoise Identity LeakyReLU "
        "ReLU Rescaling SpatialDropout1D SpatialDropout2D SpatialDropout3D",
    ),
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
    "SimpleRNN": recurrent.recurrent,
    "Bidirectional": recurrent.bidirectional,
    "MultiHeadAttention": attention.attention,
}

OPERATIONS: Mapping[str, Rule] = {
    **_rows(
        per_frame.elementwise,
        "Abs Absolute Add Cast Ceil Celu Clip Cos Divide Elu Equal Erf Exp Expm1 Floor Gelu Glu Greater GreaterEqual "
        "HardSigmoid HardSilu HardTanh Less LessEqual LeakyRelu Log Log1p LogSigmoid LogicalAnd LogicalNot LogicalOr "
        "Maximum Minimum Mod Multiply Negative NotEqual Power Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid Sign "
        "Silu Sin Softplus Softsign Sqrt Square Squareplus Subtract Tanh TrueDivide Where",
    ),
    **_rows(
        per_frame.other_axes,
        "Concatenate LogSoftmax Softmax",
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
    "GetItem": indexing.get_item,
    "Take": indexing.take,
}


# Layers that may do anything: with masks, or in code that is not Keras's.
_OPAQUE = ("FlaxLayer", "JaxLayer", "Masking", "TFSMLayer", "TorchModuleWrapper")


def rule_of(operation: Any, axis: Axis) -> Rule | None:
    """The rule of an operation, or None if it is not known, as for operations that are not Keras's own.

    Where frames are folded into the batch, no layer needs a row, because layers treat each sample of a batch by itself.
    """
    if not type(operation).__module__.startswith("keras."):
        return None
    name = type(operation).__name__
    if not isinstance(operation, keras.Layer):
        return OPERATIONS.get(name)
    if axis == 0 and name not in LAYERS and name not in _OPAQUE:
        return OpView.per_frame
    return LAYERS.get(name)
