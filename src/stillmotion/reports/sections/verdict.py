"""The answer in a sentence, the interval that it rests on, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from stillmotion.comparison import Verdict
from stillmotion.reports.geometry import scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import MINUS, Section, number, percent


def _facts(record: Record) -> Mapping[str, Any]:
    verdict = record.comparison.verdict
    if verdict is None:
        missing = "A verdict needs a still and a motion family, trained and evaluated on the same videos."
        has = "Here are the figures of what there is." if record.families else "There are no figures yet."
        return {"sentence": f"{missing} {has}", "plot": None, "next": [], "verdict": None}
    rest = verdict.sentence.partition(": ")[2] or verdict.sentence  # the heading has said the answer
    sentence = re.sub(r"(?<=[ (])-(?=\d)", MINUS, rest[:1].upper() + rest[1:])
    return {"sentence": sentence, "plot": _plot(verdict), "next": _next(record, verdict), "verdict": verdict}


def _plot(verdict: Verdict) -> dict[str, Any]:
    low, high = min(verdict.low, 0.0, verdict.margin), max(verdict.high, 0.0, verdict.margin)
    pad = max(0.15 * (high - low), 0.02)
    low, high = low - pad, high + pad
    low = min(low, verdict.margin - 0.25 * (high - verdict.margin))  # both zones wide enough for their names
    high = max(high, verdict.margin + 0.25 * (verdict.margin - low))
    x = scale(low, high)
    digits = 1 if any(abs(value - verdict.margin) < 0.01 for value in (verdict.low, verdict.high)) else 0
    marks = [mark for mark in ticks(100 * low, 100 * high) if -100 <= mark <= 100]
    return {
        "zero": x(0.0),
        "margin": x(verdict.margin),
        "low": x(verdict.low),
        "high": x(verdict.high),
        "difference": x(verdict.difference),
        "digits": digits,
        "ticks": [
            (x(mark / 100), f"{mark:+g}".replace("-", "\N{MINUS SIGN}") if mark else "0") for mark in marks
        ],
    }


def _next(record: Record, verdict: Verdict) -> list[str]:
    still, motion = (record.comparison.families[name].figures for name in (verdict.still, verdict.motion))
    cost, cheap = motion.get("milliseconds_per_clip"), still.get("milliseconds_per_clip")
    evidence = record.comparison.evidence
    lines: list[str] = []
    if verdict.answer == "motion needed":
        lines.append(
            f"Use {verdict.motion}"
            + (f", chosen {verdict.chosen}" if len(verdict.contrasts) > 1 else "")
            + (f": it answers in {number(cost)}\N{NO-BREAK SPACE}ms a clip." if cost else ".")
        )
        if evidence and evidence.moment and evidence.moment.one_frame_decides:
            lines.append(
                Markup(
                    "First try the right moment: the frame that the still model is surest of does as well as motion. "
                    "<code>stillmotion train --family frame_pool --option pool=max</code> looks for it."
                )
            )
    elif verdict.answer == "stills suffice":
        times = f", {number(cost / cheap, 2)} times as fast" if cost and cheap and cost > 1.1 * cheap else ""
        lines.append(f"Use {verdict.still}{times}: it also answers for single pictures.")
    elif verdict.groups_to_decide:
        lines.append(
            f"Film more separate recordings: about {verdict.groups_to_decide} groups of test videos would "
            "decide it, four times in five, if the difference stays what it is. More clips of the same recordings "
            "help less."
        )
    elif verdict.stills_beat_guessing:
        few = verdict.groups == 1
        lines.append(
            "Film other recordings: one alone says nothing of the next."
            if few
            else Markup(
                "Choose by cost, or set the margin (<code>--margin</code>) by what a point of accuracy is "
                "worth to you: more videos will hardly decide between these two."
            )
        )
    lines += _cautions(record, verdict, max(still.get("accuracy_low") or 0, motion.get("accuracy_low") or 0))
    return lines


def _cautions(record: Record, verdict: Verdict, surest: float) -> list[str]:
    lines = []
    chance = guessing(record)
    if chance is not None and surest < chance:
        lines.append(
            f"Neither model is surely better than always giving the most frequent label "
            f"({percent(chance)}): look at the clips and labels before anything else."
        )
    lines += [f"{line[0].upper()}{line[1:]}." for line in verdict.warnings]
    if verdict.seeds == 1 and record.runs.get(verdict.motion):
        lines.append(
            Markup(
                "Each model was trained once. Another training would give somewhat other figures: "
                "<code>--seeds 3</code> shows how far."
            )
        )
    return lines


def guessing(record: Record) -> float | None:
    """The accuracy of always answering the test videos' most frequent label."""
    for family in record.comparison.families.values():
        videos = [label.get("videos", 0) for label in family.figures.get("per_label", {}).values()]
        if sum(videos):
            return float(max(videos) / sum(videos))
    return None


VERDICT = Section("The verdict", _facts, "sections/verdict.html")
