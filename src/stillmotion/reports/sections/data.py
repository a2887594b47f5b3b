"""The videos: parts, labels, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.data import PARTS
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number


def _facts(record: Record) -> Mapping[str, Any]:
    data = record.comparison.data
    facts = {
        "parts": [
            {"name": part, "videos": data.videos[part], "groups": data.groups.get(part)}
            for part in PARTS
            if part in data.videos
        ],
        "folds": data.cross_validated,
        "labels": [(label, data.videos_per_label.get(label)) for label in data.labels],
        "skipped": [(skipped.path, skipped.reason) for skipped in data.skipped],
        "fingerprint": data.fingerprint[:12],
    }
    return facts if any(facts[key] for key in ("parts", "labels", "skipped")) else {}


def _gist(record: Record) -> str:
    data = record.comparison.data
    counts = data.videos_per_label
    parts = [f"{number(sum(counts.values()))} videos"] if counts else []
    parts.append(f"{len(data.labels)} labels")
    if data.skipped:
        parts.append(f"{len(data.skipped)} file{'' if len(data.skipped) == 1 else 's'} skipped")
    return ", ".join(parts)


DATA = Section("The videos", _facts, "sections/data.html", _gist)
