"""The labels for which motion helps most and least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stillmotion.comparison import LabelGain, nothing_learned_text
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, count

# Of a long list of labels, so many are shown at each end.
LABELS_AT_EACH_END = 8
MAX_PAIRS = 12
# Rounding errors of a mean over several trainings are not gains.
SMALLEST_GAIN = 1e-9


def _facts(record: Record) -> Mapping[str, Any]:
    verdict = record.comparison.verdict
    if verdict is None or not verdict.labels:
        table = _table(record)
        return {"pair": None, "table": table} if table else {}
    gains = list(verdict.labels)
    shortened = len(gains) > 2 * LABELS_AT_EACH_END + 2
    pairs = [pair for pair in verdict.pairs if pair.only_motion]
    return {
        "pair": record.pair,
        "rows": [*gains[:LABELS_AT_EACH_END], None, *gains[-LABELS_AT_EACH_END:]] if shortened else gains,
        "shortened": shortened,
        "pairs": pairs[:MAX_PAIRS],
        "more_pairs": len(pairs) - MAX_PAIRS,
    }


def _table(record: Record) -> list[tuple[str, int, list[float | None]]]:
    """Each label with its number of videos and its recall by family."""
    per_label = [result.per_label for result in record.results.values()]
    names = list(dict.fromkeys(label for labels in per_label for label in labels))
    return [
        (
            name,
            max(labels[name].videos for labels in per_label if name in labels),
            [labels[name].recall.value if name in labels else None for labels in per_label],
        )
        for name in names
    ]


def _gist(record: Record) -> str:
    verdict = record.comparison.verdict
    if verdict is None or not verdict.labels:
        return "the share of each label's videos that are found"
    if verdict.nothing_beats_guessing:
        return nothing_learned_text()
    pairs = sum(pair.only_motion for pair in verdict.pairs)
    only_motion = f"; {count(pairs, 'pair')} separated only by motion" if pairs else ""
    return f"{_gains_text(verdict.labels)}{only_motion}"


def _gains_text(labels: Sequence[LabelGain]) -> str:
    """How many labels motion finds more often, then how certain that is."""
    gained = [label for label in labels if label.gain > SMALLEST_GAIN]
    if not gained:
        return "motion finds no label more often"
    found = f"motion finds {len(gained)} of {count(len(labels), 'label')} more often"
    significant = sum(label.significant for label in gained)
    if significant:
        return f"{found}; it tells {significant} from the others significantly better"
    fewest, most = min(label.videos for label in gained), max(label.videos for label in gained)
    videos = count(most, "test video") if fewest == most else f"{fewest} to {count(most, 'test video')}"
    if len(gained) == 1:
        return f"{found}; this gain is not certain on its own with {videos} of the label"
    return f"{found}; none of these gains is certain on its own with {videos} per label"


LABELS = Section("Results by label", _facts, "sections/labels.html", _gist)
