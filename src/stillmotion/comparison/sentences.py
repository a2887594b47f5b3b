"""A verdict in one sentence."""

from __future__ import annotations

from typing import Literal

VerdictAnswer = Literal["motion needed", "stills suffice", "undecided"]


def write_sentence(
    answer: VerdictAnswer,
    names: tuple[str, str],
    accuracies: tuple[float, float],
    interval: tuple[float, float, float],
    level: float,
    groups: int,
    needed: int | None,
    guessing: float | None = None,
) -> str:
    """The answer, what it rests on, and what is missing where it is undecided.

    names, accuracies: of the still and the motion model. interval: low, high and the margin, as shares.
    needed: groups that would decide. guessing: accuracy of the most frequent label, where the model that the answer
    would rest on does not surely beat it.
    """
    low, high, margin = (round(100 * value, 6) for value in interval)
    still, motion = (100 * value for value in accuracies)
    close = min(abs(low - margin), abs(high - margin)) < 1
    digits = 1 if close or margin != round(margin) else 0  # never "5 points, above the margin of 5"
    change, start, end = (_signed(value, digits) for value in (motion - still, low, high))
    unit = "point" if change in ("+1", "-1") else "points"
    figures = (
        f"the motion model {names[1]} gets {motion:.{digits}f} % of the test videos right and the still "
        f"model {names[0]} {still:.{digits}f} %, a difference of {change} {unit} "
        f"({100 * level:.3g} % interval {start} to {end})"
    )
    if guessing is not None:
        side, model, claim = (
            ("above", "motion", "motion is not shown to be needed")
            if answer == "motion needed"
            else ("below", "still", "it is not shown to suffice")
        )
        return (
            f"Undecided: {figures}; that is {side} the margin of {margin:g}, but the {model} model is not shown to be "
            f"better than always giving the most frequent label ({100 * guessing:.0f} %): {claim}."
        )
    if answer == "motion needed":
        return f"Motion is needed: {figures}, all of it above the margin of {margin:g}."
    if answer == "stills suffice":
        return f"Stills suffice: {figures}, all of it below the margin of {margin:g}."
    if needed:
        more = (
            f"about {needed} groups of test videos instead of {groups} would decide it, four times in five, "
            f"if the difference is really {change}"
        )
    elif groups == 1:
        more = "one group of test videos cannot decide it"
    else:
        more = "even 20 times as many groups would hardly decide it"
    return f"Undecided: {figures}, on both sides of the margin of {margin:g}; {more}."


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]
