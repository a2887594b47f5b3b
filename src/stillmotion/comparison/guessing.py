"""Whether anything beats guessing, which comes before every other question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stillmotion.formatting import percent

if TYPE_CHECKING:
    from stillmotion.comparison.records import ModelResult
    from stillmotion.comparison.verdict import Verdict


def beats_guessing(
    models: Mapping[str, ModelResult], verdict: Verdict | None, guessing: float | None
) -> dict[str, bool]:
    """Tell which models are significantly better than always predicting the most frequent label.

    Args:
        models: the results of each model by name.
        verdict: knows it of the models that it compares. For others, the interval of the accuracy tells.
        guessing: the accuracy of guessing where there is no verdict; None if it is unknown.

    Returns:
        An entry per model; none if the accuracy of guessing is unknown.
    """
    if verdict is None:
        return {} if guessing is None else {name: result.accuracy.low > guessing for name, result in models.items()}
    known = verdict.beats_guessing
    accuracies = {
        name: result.accuracy if verdict.metric == "accuracy" else result.balanced_accuracy
        for name, result in models.items()
    }
    return {name: known.get(name, accuracy.low > verdict.guessing) for name, accuracy in accuracies.items()}


def guessing_sentence(beats: Mapping[str, bool], guessing: float, metric: str = "accuracy") -> str:
    """Say whether anything beats guessing.

    Args:
        beats: for each model whether it does.
        guessing: the accuracy of always predicting the most frequent label.
        metric: what accuracy is: "accuracy", or "balanced" for the mean recall of the labels.

    Returns:
        One or two sentences; empty without models.
    """
    if not beats:
        return ""
    share = "is right in" if metric == "accuracy" else "has a mean recall of"
    guess = f"guessing, which {share} {percent(guessing)}{' of the test videos' if metric == 'accuracy' else ''}"
    better, others = ([name for name, is_better in beats.items() if is_better is kind] for kind in (True, False))
    if not better:
        return f"{'Nothing is' if len(beats) > 1 else f'{others[0]} is not'} significantly better than {guess}."
    if not others:
        subject = {1: better[0], 2: "Both models"}.get(len(beats), "All models")
        return f"{subject} {'beats' if len(beats) == 1 else 'beat'} {guess}."
    return f"Better than {guess}: {', '.join(better)}. Not significantly better: {', '.join(others)}."
