"""Checks of arguments that need no backend, so that a wrong call is refused at once."""

from __future__ import annotations

from pathlib import Path

from stillmotion.audit.faults.scaling import SCALINGS
from stillmotion.errors import UsageError


def check_arguments(model: Path, *, input_range: str | None, channels: str) -> None:
    """Check what can be checked without a backend.

    Args:
        model: the model's file or folder.
        input_range: the range of numbers that it is given; None if that is to be found out.
        channels: its channel order.

    Raises:
        UsageError: there is no such model, range or channel order.
    """
    if input_range is not None and input_range not in SCALINGS:
        raise UsageError(f"--input-range {input_range!r}: expected one of {', '.join(SCALINGS)}")
    if channels.upper() not in ("RGB", "BGR"):
        raise UsageError(f"--channels {channels!r}: expected rgb or bgr")
    if not model.exists():
        raise UsageError(f"{model}: no such model")
