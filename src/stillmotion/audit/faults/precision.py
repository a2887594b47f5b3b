"""Numbers kept in fewer bits on their way to the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import Fault, Size


def _apply(values: NDArray[np.float32], setting: str, size: Size) -> NDArray[np.float32]:
    if setting == "float16":
        return values.astype(np.float16).astype(np.float32)
    if setting == "bfloat16":  # round to nearest on the upper 16 bits
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    return values


PRECISION = Fault(
    name="precision",
    stage="value",
    normal="float32",
    strengths=("float16", "bfloat16"),
    candidates=(),
    apply=_apply,
    words=lambda setting: f"are kept as {setting}",
    cure=lambda video, snapshots: "frame = frame.astype('float32')",
)
