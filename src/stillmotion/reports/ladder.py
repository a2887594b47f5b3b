"""The ladder: the accuracy of each rung and what it adds to the rungs below it. The page's main picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import Ladder, Step
from stillmotion.models import Rung
from stillmotion.reports.geometry import scale
from stillmotion.reports.records import Record


def ladder_figure(record: Record) -> Mapping[str, Any] | None:
    """What the template of the figure shows.

    Args:
        record: the comparison to show.

    Returns:
        One row per rung, from the bottom up, and the accuracy of guessing; None if the models are not rungs.
    """
    ladder = record.comparison.ladder
    if ladder is None:
        return None
    x = scale(0.0, 1.0)
    rows: list[dict[str, Any]] = []
    below, height = "", None
    for number, rung in enumerate(ladder.rungs, start=1):
        result = record.comparison.models[rung]
        measured = record.comparison.measured(rung)
        accuracy = x(measured.value)
        rows.append(
            {
                "number": number,
                "name": rung,
                "result": result,
                "measured": measured,
                "line": (height, accuracy),
                "step": _step(ladder, rung),
                "below": below,
            }
        )
        below, height = rung, accuracy
    comparison = record.comparison
    return {"rows": rows, "guessing": comparison.measured_guessing, "balanced": comparison.balanced}


def _step(ladder: Ladder, rung: Rung) -> Step | None:
    """The step that leads up to a rung; None for the lowest."""
    return next((step for step in ladder.steps if step.to_rung == rung), None)
