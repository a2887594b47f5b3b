"""The rungs of the ladder, from the bottom up."""

from __future__ import annotations

from typing import Literal

from stillmotion.models import FAMILIES

Rung = Literal["one frame", "several frames", "changes", "order", "dense motion"]
RUNGS: tuple[Rung, ...] = ("one frame", "several frames", "changes", "order", "dense motion")


def rung_of(family: str) -> Rung | None:
    """The rung of a family; None for an unknown family."""
    if family not in FAMILIES:
        return None
    kind = FAMILIES[family].kind
    rung: Rung = getattr(FAMILIES[family], "rung", "several frames" if kind == "still" else "dense motion")
    return rung
