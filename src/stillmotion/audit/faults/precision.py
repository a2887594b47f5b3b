"""Numbers that are kept in fewer bits on their way to the model."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.faults.fault import ValueFault
from stillmotion.audit.resampling import Picture


def _apply(values: Picture, dtype: str) -> Picture:
    if dtype == "float16":
        return values.astype(np.float16).astype(np.float32)
    if dtype == "bfloat16":  # NumPy has no such type: round the lower 16 bits away, to the nearest even number
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    return values


PRECISION: ValueFault[str] = ValueFault(
    id="precision",
    name="precision",
    normal="float32",
    strengths=("float16", "bfloat16"),
    apply=_apply,
    label=str,
    describe=lambda dtype: f"are kept as {dtype}",
    fix=lambda video, snapshots: "frame = frame.astype('float32')",
)
