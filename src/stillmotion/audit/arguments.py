"""Checks of arguments that need no backend, so that a wrong call is refused at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from stillmotion.audit.faults.scaling import AUDIT_RANGES, SCALINGS
from stillmotion.errors import UsageError
from stillmotion.models.cards import INPUT_RANGES, find_run
from stillmotion.models.given_facts import GivenFacts, check_facts
from stillmotion.runs import Run


def check_arguments(model: Path, facts: GivenFacts) -> GivenFacts:
    """Check what can be checked without a backend.

    Args:
        model: the model's file or folder.
        facts: what its user says of it.

    Returns:
        The facts, as a card has them, but for a range that only an audit knows: no range then.

    Raises:
        UsageError: there is no such model, or see `check_facts`.
    """
    if not model.exists():
        raise UsageError(f"{model}: no such model")
    run = find_audited_run(model)
    input_range = next((card for card, name in AUDIT_RANGES.items() if name == facts.input_range), facts.input_range)
    if run is None and input_range in SCALINGS and input_range not in INPUT_RANGES:
        input_range = None
    facts = dataclasses.replace(facts, input_range=input_range)
    return check_facts(facts, run)


def find_audited_run(model: Path) -> Run | None:
    """The run that a model is of, be it its model of clips or of single images; None if it is of none."""
    folder = model.parent if model.name in ("model.keras", "snapshot.keras") else model
    return find_run(folder) if (folder / "run.json").is_file() else None
