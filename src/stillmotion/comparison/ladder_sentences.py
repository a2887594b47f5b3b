"""What the rungs of the ladder add, in sentences: pure functions of the records, for the CLI and the page alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from stillmotion.formatting import points
from stillmotion.models import Rung
from stillmotion.statistics import ALPHA

if TYPE_CHECKING:
    from stillmotion.comparison.ladder import Ladder, Step
    from stillmotion.comparison.verdict import Verdict

# What a rung adds, and whether that is a plural.
_STEP_SUBJECTS: dict[Rung, tuple[str, bool]] = {
    "one frame": ("One frame", False),
    "several frames": ("Several frames", True),
    "changes": ("Changes between frames", True),
    "order": ("Their order", False),
    "dense motion": ("Dense motion", False),
}
# The model of a rung that does worse than the rungs below.
_WORSE: dict[Rung, str] = {
    "one frame": "sees one frame",
    "several frames": "sees several frames",
    "changes": "sees changes between frames",
    "order": "also sees their order",
    "dense motion": "sees dense motion",
}
_ENOUGH: Mapping[str, str] = MappingProxyType(
    {
        "one frame": ": one frame is enough",
        "several frames": ", if you look at several",
        "changes": ": what changes between frames is enough",
        "order": ": the order of the frames is enough",
        "dense motion": ": comparing pixels between frames is enough",
    }
)
_UNKNOWN: Mapping[str, bool] = MappingProxyType({})


def ladder_sentence(
    ladder: Ladder,
    verdict: Verdict | None,
    model_to_use: str | None = None,
    beats_guessing: Mapping[str, bool] = _UNKNOWN,
) -> str:
    """What each rung adds and what follows, in short sentences that name no statistics.

    For example: "Several frames help (+12). Their order adds nothing (+1, -2 to +3). Stills suffice, if you look at
    several." A rung that does not beat guessing is not said to help, and if none does, steps say nothing.
    """
    margin = verdict.margin if verdict else 0.0
    sentences = []
    if any(beats_guessing.get(rung, True) for rung in ladder.rungs):
        sentences = [
            step_sentence(step, margin, beats_guessing=beats_guessing.get(step.to_rung, True)) for step in ladder.steps
        ]
    if verdict:
        sentences.append(_conclusion(verdict, model_to_use or ""))
    return " ".join(sentences)


def step_sentence(step: Step, margin: float, *, beats_guessing: bool = True) -> str:
    """What a rung adds to the strongest one below, as "Their order adds nothing (+1, -2 to +3).".

    It helps or does worse if that is significant among all steps. It adds nothing if its own interval is below the
    margin; it may be worse if that is below 0, and may help if it is above 0. Otherwise it is uncertain, whatever the
    sign of the measured gain.
    """
    subject, plural = _STEP_SUBJECTS[step.to_rung]
    gain, interval = points(step.gain), f"{points(step.gain)}, {points(step.low)} to {points(step.high)}"
    if step.p_holm < ALPHA and step.gain < 0:
        worse = points(-step.gain).lstrip("+")
        lost = f"{worse} {'point' if worse == '1' else 'points'}"
        return f"The model that {_WORSE[step.to_rung]} is {lost} worse than that of {step.from_rung}."
    if not beats_guessing:
        verb = "are" if plural else "is"
        return f"{subject} {verb} not significantly better than guessing ({gain} over {step.from_rung})."
    if step.p_holm < ALPHA and step.gain > 0:
        little = " a little" if step.high < margin else ""
        return f"{subject} {'help' if plural else 'helps'}{little} ({gain})."
    if step.high < 0:
        return f"{subject} {'add' if plural else 'adds'} nothing, and may be worse ({interval})."
    if step.high < margin:
        return f"{subject} {'add' if plural else 'adds'} nothing ({interval})."
    if step.low > 0:
        return f"{subject} may help ({interval})."
    return f"Whether {subject[0].lower()}{subject[1:]} {'help' if plural else 'helps'} is uncertain ({interval})."


def _conclusion(verdict: Verdict, model_to_use: str) -> str:
    """The answer, and the rung that is enough: that of the model to use."""
    if verdict.best_frame_explains:
        enough = "several frames in any order" if verdict.best_frame_reason == "order_not_needed" else "the right frame"
        return f"Whether motion is needed is undecided: {enough} may be enough."
    if verdict.answer == "undecided":
        return f"Whether motion is needed is undecided{', leaning to motion' if verdict.leaning else ''}."
    title = "Stills suffice" if verdict.answer == "stills suffice" else "Motion is needed"
    return f"{title}{_ENOUGH.get(model_to_use, '')}."
