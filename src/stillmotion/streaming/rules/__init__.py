"""What each operation does with time: one table. A new operation is its row, and its rule if no other fits.

What is in no row is run on the whole window, and named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from stillmotion.streaming.actions import Rule
from stillmotion.streaming.rules import convolutions, moving, pooling, recurrent, slicewise

LAYERS: Mapping[str, Rule] = {
    **dict.fromkeys(
        "Activation ActivityRegularization AlphaDropout Dropout ELU GaussianDropout GaussianNoise Identity LeakyReLU "
        "ReLU Rescaling SpatialDropout1D SpatialDropout2D SpatialDropout3D".split(),
        slicewise.elementwise,
    ),
    **dict.fromkeys("Add Average Maximum Minimum Multiply Subtract".split(), slicewise.elementwise),
    **dict.fromkeys(
        "BatchNormalization LayerNormalization Normalization RMSNormalization Softmax UnitNormalization".split(),
        slicewise.other_axes,
    ),
    "Concatenate": slicewise.other_axes,
    "Dense": slicewise.dense,
    "EinsumDense": slicewise.einsum,
    "TimeDistributed": slicewise.time_distributed,
    "Flatten": moving.reshape,
    "Reshape": moving.reshape,
    "Permute": moving.permute,
    **dict.fromkeys("Cropping1D Cropping2D Cropping3D".split(), moving.crop),
    **dict.fromkeys("ZeroPadding1D ZeroPadding2D ZeroPadding3D".split(), moving.pad),
    **dict.fromkeys("Conv1D Conv2D Conv3D".split(), convolutions.convolution),
    **dict.fromkeys("MaxPooling1D MaxPooling2D MaxPooling3D".split(), pooling.maximum),
    **dict.fromkeys("AveragePooling1D AveragePooling2D AveragePooling3D".split(), pooling.average),
    **dict.fromkeys("GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D".split(), pooling.global_maximum),
    **dict.fromkeys(
        "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D".split(), pooling.global_average
    ),
    "GRU": recurrent.recurrent,
    "LSTM": recurrent.recurrent,
    "SimpleRNN": recurrent.recurrent,
    "Bidirectional": recurrent.bidirectional,
}

OPERATIONS: Mapping[str, Rule] = {
    **dict.fromkeys(
        "Abs Absolute Add Cast Ceil Celu Clip Cos Divide Elu Equal Erf Exp Expm1 Floor Gelu Glu Greater GreaterEqual "
        "HardSigmoid HardSilu HardTanh Less LessEqual LeakyRelu Log Log1p LogSigmoid LogicalAnd LogicalNot LogicalOr "
        "Maximum Minimum Mod Multiply Negative NotEqual Power Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid Sign "
        "Silu Sin Softplus Softsign Sqrt Square Squareplus Subtract Tanh TrueDivide Where".split(),
        slicewise.elementwise,
    ),
    **dict.fromkeys("Concatenate LogSoftmax Softmax".split(), slicewise.other_axes),
    **dict.fromkeys(
        "All Amax Amin Any Argmax Argmin CountNonzero LogSumExp Logsumexp Max Mean Median Min Norm Prod Std Sum "
        "Var".split(),
        slicewise.reduction,
    ),
    "OneHot": slicewise.one_hot,
    "Matmul": slicewise.matmul,
    "Reshape": moving.reshape,
    "Transpose": moving.transpose,
    "ExpandDims": moving.expand,
    "Squeeze": moving.squeeze,
    "GetItem": moving.get_item,
    "Take": moving.take,
}


def rule_of(operation: Any) -> Rule | None:
    """The row of an operation of Keras's own; others may do anything with time."""
    if not type(operation).__module__.startswith("keras."):
        return None
    return (LAYERS if isinstance(operation, keras.Layer) else OPERATIONS).get(type(operation).__name__)
