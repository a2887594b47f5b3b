"""What the motion model's gain rests on: motion, one good frame, or a shortcut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from stillmotion.comparison import ConditionResult, Evidence, best_frame_text, finds_best_frame, shortcuts_text
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, points, render_text


def _facts(record: Record) -> Mapping[str, Any]:
    verdict, shortcuts = record.comparison.verdict, record.comparison.shortcuts
    if verdict is None or not (record.comparison.evidence or shortcuts):
        return {}
    evidence = record.comparison.evidence or Evidence()
    stability = evidence.stability or {}
    best_frame = best_frame_text(verdict, evidence, finds_best_frame(record.comparison, verdict.still))
    return {
        "still": verdict.still,
        "motion": verdict.motion,
        "best_frame": evidence.best_frame,
        "max_pool_control": evidence.max_pool_control,
        "best_frame_text": render_text(best_frame),
        "perturbed": [_row(condition) for condition in evidence.perturbed],
        "retrained": [_row(condition) for condition in evidence.retrained],
        "chance": record.guessing,
        "stability": [(name, stability[name]) for name in record.families if name in stability],
        "around": next((family.seconds for family in stability.values()), 0),
        "shortcuts": shortcuts,
        "leaks": shortcuts_text(shortcuts),
    }


def _row(condition: ConditionResult) -> dict[str, Any]:
    """The numbers of a condition, and where its interval lies in percent of the track; whole: clips as they are."""
    base = condition.accuracy - condition.difference
    left, right = (100 * min(1.0, max(0.0, base + bound)) for bound in (condition.low, condition.high))
    whole = condition.name == "as it is"
    return {**asdict(condition), "whole": whole, "base": base, "left": left, "width": right - left}


def _gist(record: Record) -> str:
    evidence = record.comparison.evidence
    parts = []
    if evidence and evidence.best_frame:
        one_frame = evidence.best_frame.one_frame_decides
        parts.append("one good frame may be enough" if one_frame else "no single frame is enough")
    if evidence and evidence.retrained:
        worst = min(evidence.retrained, key=lambda condition: condition.difference)
        lost = f"{points(worst.difference)} points" if worst.difference < 0 else "nothing lost"
        parts.append(f"trained without motion, {lost}")
    if record.comparison.shortcuts:
        leaks = any(shortcut.warns for shortcut in record.comparison.shortcuts)
        parts.append("something else predicts the label" if leaks else "no shortcut found")
    return "; ".join(parts)


EVIDENCE = Section("What the answers rest on", _facts, "sections/evidence.html", _gist)
