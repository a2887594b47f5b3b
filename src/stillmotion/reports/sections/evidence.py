"""What the motion model's gain rests on: motion, one good frame, or a shortcut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import (
    ConditionResult,
    Evidence,
    best_frame_text,
    finds_best_frame,
    nothing_learned_text,
    one_frame_may_suffice,
    shortcuts_text,
)
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, points, render_text


def _facts(record: Record) -> Mapping[str, Any]:
    verdict, shortcuts = record.comparison.verdict, record.comparison.shortcuts
    if verdict is None or not (record.comparison.evidence or shortcuts):
        return {}
    evidence = record.comparison.evidence or Evidence()
    stability = evidence.stability or {}
    tried = record.comparison.ladder is not None or finds_best_frame(record.comparison, verdict.still)
    return {
        "still": verdict.still,
        "motion": verdict.motion,
        "perturbed": [_row(condition, whole=index == 0) for index, condition in enumerate(evidence.perturbed)],
        "retrained": [_row(condition) for condition in evidence.retrained],
        "guessing": record.comparison.measured_guessing,
        "best_frame": evidence.best_frame,
        "best_frame_text": render_text(best_frame_text(verdict, evidence, tried)),
        "stability": [(name, stability[name]) for name in record.models if name in stability],
        "stability_seconds": next((result.seconds for result in stability.values()), 0),
        "shortcuts": shortcuts,
        "shortcuts_text": render_text(shortcuts_text(shortcuts)),
    }


def _row(condition: ConditionResult, *, whole: bool = False) -> dict[str, Any]:
    """The figures of a condition and where its interval is drawn, in percent of the track. whole: unchanged clips."""
    baseline = condition.accuracy - condition.difference
    left, right = (100 * min(1.0, max(0.0, baseline + limit)) for limit in (condition.low, condition.high))
    return {
        "name": "unchanged" if whole else condition.name,
        "whole": whole,
        "accuracy": condition.accuracy,
        "difference": condition.difference,
        "low": condition.low,
        "high": condition.high,
        "baseline": baseline,
        "left": left,
        "width": right - left,
    }


def _gist(record: Record) -> str:
    verdict, evidence = record.comparison.verdict, record.comparison.evidence
    warns = any(shortcut.warns for shortcut in record.comparison.shortcuts)
    leak = "something else predicts the label"
    if verdict and verdict.nothing_beats_guessing:
        return "; ".join([nothing_learned_text(), *([leak] if warns else [])])
    parts = []
    if verdict and evidence and evidence.best_frame:
        may_suffice = one_frame_may_suffice(verdict, evidence)
        parts.append("one good frame may be enough" if may_suffice else "no sign that one good frame is enough")
    if evidence and evidence.retrained:
        lowest = min(condition.difference for condition in evidence.retrained)
        change = f"{points(lowest)} points" if lowest < 0 else "nothing lost"
        parts.append(f"trained without motion: {change}")
    if record.comparison.shortcuts:
        parts.append(leak if warns else "no shortcut found")
    return "; ".join(parts)


EVIDENCE = Section("Evidence", _facts, "sections/evidence.html", _gist)
