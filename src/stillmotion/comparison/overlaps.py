"""Recordings that models were tested on and had learned from: the verdict says so, however the runs were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stillmotion.comparison.sentences import not_held_out_text, training_unknown_text, validation_not_held_out_text
from stillmotion.comparison.verdict import Verdict, VerdictWarning
from stillmotion.data import Part
from stillmotion.runs import ADOPTED, Run


def with_overlaps(verdict: Verdict, runs: Mapping[str, Sequence[Run]]) -> Verdict:
    """Add to a verdict which groups are in two parts of a run's data.

    Args:
        verdict: the verdict of the runs' predictions.
        runs: the runs of each model; each knows what it was trained, validated and tested on, unless it was adopted.

    Returns:
        The verdict, with a warning for each kind of overlap, and without an answer if there is one with the test part.
    """
    data = {run.record.data for members in runs.values() for run in members}
    learned: tuple[Part, ...] = ("train", "validation")
    leaked = sorted({group for one in data for part in learned for group in one.shared_groups(part, "test")})
    validated = sorted({group for one in data for group in one.shared_groups("train", "validation")})
    verdict = replace(verdict, leaked_groups=tuple(leaked))
    warnings = list(verdict.warnings)
    if leaked:
        warnings.append(VerdictWarning("test_not_held_out", not_held_out_text(verdict), groups=len(leaked)))
    if validated:
        text = validation_not_held_out_text(validated)
        warnings.append(VerdictWarning("validation_not_held_out", text, groups=len(validated)))
    elsewhere = [name for name, members in runs.items() if any(run.recipe.family.endswith(ADOPTED) for run in members)]
    if elsewhere:
        text = training_unknown_text(elsewhere)
        warnings.append(VerdictWarning("training_unknown", text, names=tuple(elsewhere)))
    return replace(verdict, warnings=tuple(warnings))
