"""How many epochs fit into a time budget. Importing this module imports no backend."""

from __future__ import annotations

import csv
import dataclasses

from stillmotion.runs import Recipe, Run

MIN_EPOCHS, MAX_EPOCHS = 2, 400


def shorten_for_timing(recipe: Recipe) -> Recipe:
    """The recipe with two epochs, whose times tell how long a whole training takes on this machine."""
    return dataclasses.replace(recipe, epochs=2)


def epochs_that_fit(seconds: float, timed: Run, *, starts: float = 1) -> int:
    """How many epochs fit into a time budget.

    The first epoch takes longer than the second because the model is compiled in it. Time for decoding is not counted.

    Args:
        seconds: the time budget.
        timed: a finished run of `shorten_for_timing(recipe)` on this machine.
        starts: how often a model will be compiled within the budget.

    Returns:
        Number of epochs, from 2 to 400.
    """
    with timed.history_file.open(newline="", encoding="utf-8") as file:
        first, second = (float(row["seconds"]) for row in csv.DictReader(file))
    remaining = seconds - starts * max(0.0, first - second)
    return max(MIN_EPOCHS, min(MAX_EPOCHS, int(remaining / max(second, 1e-3))))
