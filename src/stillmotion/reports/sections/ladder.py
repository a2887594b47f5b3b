"""The ladder: the accuracy of each rung, what it adds to the rungs below it, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import ContenderResult, Ladder, ModelResult, Step
from stillmotion.models import Rung
from stillmotion.reports.geometry import scale
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section

# What a model of each rung sees, in the reader's words.
SEES: Mapping[Rung, str] = {
    "one frame": "a single frame",
    "several frames": "several frames, in any order",
    "changes": "what changes between frames, in any order",
    "order": "frames in their order",
    "dense motion": "all movement between frames, from pixels",
}


def _facts(record: Record) -> Mapping[str, Any]:
    ladder = record.comparison.ladder
    if ladder is None:
        return {}
    x = scale(0.0, 1.0)
    previous: float | None = None
    rows: list[dict[str, Any]] = []
    for number, rung in enumerate(ladder.rungs, start=1):
        result = record.comparison.models[rung]
        accuracy = x(result.accuracy.value)
        rows.append(
            {
                "number": number,
                "name": rung,
                "sees": SEES.get(result.rung, "") if result.rung else "",
                "result": result,
                "line": (previous, accuracy),
                "step": _step(ladder, rung),
                "below": ladder.rungs[number - 2] if number > 1 else "",
                "winner": _winner(result),
            }
        )
        previous = accuracy
    return {
        "rows": rows,
        "guessing": record.comparison.guessing,
        "folds": max((len(result.searches) for result in record.comparison.models.values()), default=1),
    }


def _step(ladder: Ladder, rung: str) -> Step | None:
    """The step that leads up to a rung; None for the lowest."""
    return next((step for step in ladder.steps if step.to_rung == rung), None)


def _winner(result: ModelResult) -> str:
    """The contender that validation chose, or those that it chose in different folds."""
    chosen = sorted(
        (contender for contender in result.contenders if contender.chosen_folds), key=_folds_won, reverse=True
    )
    if len(chosen) == 1:
        return chosen[0].name
    return ", ".join(f"{contender.name} (in {_folds_won(contender)} folds)" for contender in chosen)


def _folds_won(contender: ContenderResult) -> int:
    return len(contender.chosen_folds)


LADDER = Section("What each step adds", _facts, "sections/ladder.html")
