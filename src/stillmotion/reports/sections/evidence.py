"""What the answers rest on: motion, one good moment, or something that should not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from stillmotion.comparison import BestFrameEvidence, ConditionResult
from stillmotion.reports.advice import guessing, looks_for_moments
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, percent, points


def _facts(record: Record) -> Mapping[str, Any]:
    evidence, shortcuts, pair = record.comparison.evidence, record.comparison.shortcuts, record.pair
    if pair is None or not (evidence or shortcuts):
        return {}
    steady = evidence.steadiness if evidence and evidence.steadiness else {}
    moment = evidence.moment if evidence else None
    leaking = [one.name for one in shortcuts if one.warns]
    return {
        "still": pair[0],
        "motion": pair[1],
        "moment": moment,
        "looking": evidence.looking if evidence else None,
        "reading": _reading(record, moment, evidence.looking if evidence else None) if moment else "",
        "tampered": [_row(one) for one in evidence.tampered] if evidence else [],
        "retrained": [_row(one) for one in evidence.retrained] if evidence else [],
        "chance": guessing(record),
        "steadiness": [(name, steady[name]) for name in record.families if name in steady],
        "around": next((one.seconds for one in steady.values()), 0),
        "shortcuts": shortcuts,
        "leaks": (
            f"Yes: {', '.join(leaking)}. Unless that is what the labels mean, the data set gives them away: every "
            "model, still or motion, looks better than it is."
            if leaking
            else "Nothing that was tried predicts the label better than guessing does."
        ),
    }


def _row(one: ConditionResult) -> dict[str, Any]:
    """whole: the clips as they are, against which the others are measured. left, width: of the interval, in percent."""
    base = one.accuracy - one.difference
    left, right = (100 * min(1.0, max(0.0, base + bound)) for bound in (one.low, one.high))
    return {**asdict(one), "whole": one.name == "as it is", "base": base, "left": left, "width": right - left}


def _gist(record: Record) -> str:
    evidence, leaks = record.comparison.evidence, any(one.warns for one in record.comparison.shortcuts)
    told = []
    if evidence and evidence.moment:
        told.append("one good frame may do" if evidence.moment.one_frame_decides else "no one frame is enough")
    if evidence and evidence.retrained:
        worst = min(evidence.retrained, key=lambda one: one.difference)
        lost = f"{points(worst.difference)} points" if worst.difference < 0 else "nothing lost"
        told.append(f"without motion, trained for it, {lost}")
    if record.comparison.shortcuts:
        told.append("something else tells the label" if leaks else "no shortcut found")
    return "; ".join(told)


def _reading(record: Record, moment: BestFrameEvidence, looking: ConditionResult | None) -> str | Markup:
    if looking:
        interval = f"95 % interval {points(looking.low)} to {points(looking.high)}"
        against = f"{points(looking.difference)} points against motion ({interval})"
        verdict = record.comparison.verdict
        near = verdict is not None and looking.high >= -verdict.margin
        found = f"a still model was trained to look for it, and gets {percent(looking.accuracy)}, {against}"
        return f"{'It may be' if near else 'No'}: {found}."
    lucky = moment.oracle - moment.chance
    against = f"{points(moment.low)} to {points(moment.high)} points against motion, 95 % interval"
    if moment.one_frame_decides and moment.surest > moment.average + 0.02:
        verdict = record.comparison.verdict
        tried = verdict is not None and looks_for_moments(record, verdict)
        return Markup(
            f"It may be: the frame that the still model is surest of does better than the average over frames, and is "
            f"not surely worse than motion ({against}). Then it takes the right moment rather than motion"
            + ("." if tried else ": try <code>--pool max</code>.")
        )
    if moment.one_frame_decides:
        return f"It may be: single frames are not surely worse than motion ({against}), and averaging costs nothing."
    if lucky < 0.1:
        return (
            f"No. Some frame is right in {percent(moment.oracle)} of the videos, but some frame gives a certain wrong "
            f"label in {percent(moment.chance)}: that much is luck, and no one frame tells."
        )
    return (
        f"Not by itself: in {percent(moment.oracle)} of the videos some frame would have been right "
        f"({percent(moment.chance)} by luck), but the still model does not know which."
    )


EVIDENCE = Section("What the answers rest on", _facts, "sections/evidence.html", _gist)
