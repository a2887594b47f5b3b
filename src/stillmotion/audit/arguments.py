"""Checks of arguments that need no backend, so that a wrong call is refused at once."""

from __future__ import annotations

from pathlib import Path

from stillmotion.audit.faults.scaling import SCALINGS
from stillmotion.errors import UsageError
from stillmotion.models.cards import check_facts


def check_arguments(
    model: Path, *, input_range: str | None, channels: str | None, outputs: str | None, framing: str | None
) -> None:
    """Check what can be checked without a backend.

    Args:
        model: the model's file or folder.
        input_range: the range of numbers that it is given; None if that is to be found out.
        channels: its channels; None if they are unknown.
        outputs: what its outputs are; None if that is unknown.
        framing: how it is given frames of another aspect ratio; None if that is unknown.

    Raises:
        UsageError: there is no such model, range, channel order, kind of outputs or framing.
    """
    known = None if input_range in SCALINGS else input_range
    check_facts(input_range=known, channels=channels, outputs=outputs, framing=framing)
    if not model.exists():
        raise UsageError(f"{model}: no such model")
