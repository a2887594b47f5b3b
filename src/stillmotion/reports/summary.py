"""One page to print, without pictures, for somebody who was not there: what a model may and may not be used for."""

from __future__ import annotations

from dataclasses import dataclass

from stillmotion.comparison import Comparison, ModelResult, Verdict
from stillmotion.formatting import listed
from stillmotion.models import RUNGS
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import count, environment

MAX_LABELS = 6  # in the table: those that are found least often
MAX_NAMED_LABELS = 8  # in the first sentence
MAX_CHARACTERS = 40  # of a label
MIN_GROUPS = 10  # with fewer, the page says that the test is small
RARELY_FOUND = 0.5  # a label that is found less often is named as a danger

_ANSWERS = {
    "motion needed": "To tell these labels apart, a model has to see movement. Single pictures are not enough.",
    "stills suffice": "To tell these labels apart, single pictures are enough. Seeing movement adds too little.",
    "several frames": "To tell these labels apart, several pictures are enough, in any order. One is not shown to be.",
    "undecided": "It is not clear yet whether a model has to see movement to tell these labels apart.",
}
# What is said of the test videos if no model has seen them, if one has, and if that is not known.
_SEEN = {
    True: ", which the models had not seen before",
    False: ", some of which models had seen before",
    None: "; whether the models had seen them before is not known",
}


@dataclass(frozen=True)
class _Bar:
    """How many of a hundred videos are labeled correctly, and by what."""

    name: str
    sees: str
    accuracy: float
    low: float | None = None
    high: float | None = None
    style: str = ""


def _answered(comparison: Comparison, verdict: Verdict) -> str:
    """The answer; on the ladder, *several frames* where that is the still model to use."""
    several = comparison.ladder and comparison.model_to_use == RUNGS[1]
    return RUNGS[1] if several else verdict.answer


def render_summary(record: Record) -> str:
    """Render the page.

    Args:
        record: the comparison.

    Returns:
        HTML.
    """
    comparison = record.comparison
    chosen = _chosen(record)
    guesses = chosen is None or not comparison.beats_guessing.get(chosen, True)
    data = comparison.data
    names = ", ".join(map(_shortened, data.labels[:MAX_NAMED_LABELS]))
    more = ", ..." if len(data.labels) > MAX_NAMED_LABELS else ""
    verdict = comparison.verdict
    answer = _ANSWERS[_answered(comparison, verdict)] if verdict and not verdict.nothing_beats_guessing else ""
    result = comparison.models[chosen] if chosen else None
    return (
        environment()
        .get_template("summary.html")
        .render(
            name=record.name,
            balanced=comparison.balanced,
            title=record.title,
            answer=answer,
            css_class=(verdict.answer if verdict else "none").replace(" ", "-"),
            guessing=comparison.guessing_sentence,
            labels=names + more,
            tested=_tested(record),
            bars=_bars(record, chosen),
            chosen=None if guesses else chosen,
            sees="" if guesses or chosen is None else record.sees(chosen),
            found=[] if result is None or guesses else _found(result),
            more_labels=max(0, len(data.labels) - MAX_LABELS),
            may=_may(record, chosen, guesses=guesses),
            may_not=_may_not(record, result, guesses=guesses),
            doubts=_doubts(record),
        )
    )


def _chosen(record: Record) -> str | None:
    """The model that the page is about: the one to use; else the more accurate one of the verdict's two."""
    comparison, verdict = record.comparison, record.comparison.verdict
    if not record.models:
        return None
    best = max(record.pair or record.models, key=lambda name: comparison.measured(name).value)
    return comparison.model_to_use or best if verdict else best


def _tested(record: Record) -> str:
    """How many videos the figures rest on."""
    videos, groups = (numbers.get("test") for numbers in (record.comparison.data.videos, record.comparison.data.groups))
    if not videos:
        return ""
    recordings = f" from {count(groups, 'recording')}" if groups else ""
    return f"{count(videos, 'video')}{recordings}{_SEEN[record.test_is_new]}"


def _bars(record: Record, chosen: str | None) -> list[_Bar]:
    guessing = record.comparison.measured_guessing
    bars = [] if guessing is None else [_Bar("guessing", "the most frequent label", guessing)]
    names = dict.fromkeys([*(record.pair or ()), *([chosen] if chosen else [])])
    for name in names:
        accuracy = record.comparison.measured(name)
        bars.append(_Bar(name, record.sees(name), accuracy.value, accuracy.low, accuracy.high, record.style(name)))
    return bars


def _found(result: ModelResult) -> list[tuple[str, int, float]]:
    """Label, videos, and the share of them that is found: the least first."""
    found = [(_shortened(label), of.videos, of.recall.value) for label, of in result.per_label.items() if of.videos]
    return sorted(found, key=lambda row: row[2])[:MAX_LABELS]


def _shortened(label: str) -> str:
    """A label of at most `MAX_CHARACTERS`, so that the page stays one page."""
    return label if len(label) <= MAX_CHARACTERS else f"{label[: MAX_CHARACTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


def _may(record: Record, chosen: str | None, *, guesses: bool) -> list[str]:
    """What the model may be used for."""
    if chosen is None or guesses:
        return ["Nothing yet: guessing may be as good."]
    if record.test_is_new is False:
        return ["Nothing yet: models had seen some of the test recordings before. Test on others."]
    # The complements of the numbers beside the bars, which are rounded.
    measured = record.comparison.measured(chosen)
    wrong, most = (100 - round(100 * share) for share in (measured.value, measured.low))
    mistakes = f"it labels about {max(1, wrong)} in 100 videos wrongly"
    if record.comparison.balanced:
        mistakes = f"it misses about {max(1, wrong)} in 100 videos of a label, averaged over the labels"
    if measured.value == 1:
        mistakes = "it made no mistake in the test"
    return [
        "Videos like those that were tested: the same kind of place, camera and view, and only these labels.",
        f"Helping a person who checks what it says: {mistakes}, and with other recordings perhaps {most} in 100.",
    ]


def _may_not(record: Record, result: ModelResult | None, *, guesses: bool) -> list[str]:
    """What the model may not be used for, from the figures and in general."""
    if result is None or guesses or record.test_is_new is False:
        return ["Any decision, however small."]
    lines = [
        f'Finding every "{label}": it missed {round(videos * (1 - recall))} of {count(videos, "video")}.'
        for label, videos, recall in _found(result)[:2]
        if recall < RARELY_FOUND
    ]
    shortcuts = [shortcut.name for shortcut in record.comparison.shortcuts if shortcut.warns]
    if shortcuts:
        lines.append(
            f"Proving that it sees the action: {listed(shortcuts)} can also tell the label. If that is not "
            "what the labels mean, it may have learned that instead."
        )
    return [
        *lines,
        "Other places, cameras, people or machines, before it is tested there.",
        "Videos of anything else: it always answers with one of these labels, and may be very sure of it.",
        "Deciding alone about safety, health, grades, work or punishment.",
    ]


def _doubts(record: Record) -> list[str]:
    """What to know about the test."""
    groups = record.comparison.data.groups.get("test") or 0
    lines = []
    if 0 < groups < MIN_GROUPS:
        lines.append(f"The test is small ({count(groups, 'recording')}): take it as a first look.")
    if "validation_not_held_out" in record.warned_of:
        lines.append(
            "Recordings that models had learned from were also used to choose among them. That favors those that learn "
            "recordings by heart."
        )
    if "videos_as_groups" in record.warned_of:
        lines.append("Each video was counted as a recording of its own. If several show the same, the test is smaller.")
    return lines
