"""How many frames per clip pay: accuracy against the number of frames."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import Any

from stillmotion.comparison import enough_frames
from stillmotion.models import Rung
from stillmotion.reports.curves import accuracy_plot
from stillmotion.reports.geometry import scale
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section

MODEL: Rung = "order"  # which was trained with more and with fewer frames


def _facts(record: Record) -> Mapping[str, Any]:
    rates, verdict = record.comparison.rates, record.comparison.verdict
    if len(rates) < 2:
        return {}
    x = scale(log2(rates[0].frames) - 0.5, log2(rates[-1].frames) + 0.5)
    enough = enough_frames(rates, verdict.margin if verdict else 0.0)
    return {
        "model": MODEL,
        "sentence": record.comparison.rates_sentence,
        "rates": rates,
        "spread": rates[0].rate == "spread",
        "plot": accuracy_plot(
            record,
            {MODEL: [(log2(result.frames), result.accuracy) for result in rates]},
            x,
            {log2(result.frames): result.frames for result in rates},
        ),
        "enough": x(log2(enough.frames)) if enough else None,
    }


def _gist(record: Record) -> str:
    conclusion, _, _ = record.comparison.rates_sentence.partition(". ")
    return conclusion


RATES = Section("Frames per clip", _facts, "sections/rates.html", _gist)
