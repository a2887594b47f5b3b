"""The data set: parts, labels, and files that were skipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.data import PARTS
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, count


def _facts(record: Record) -> Mapping[str, Any]:
    data = record.comparison.data
    facts = {
        "parts": [
            {"name": part, "videos": data.videos[part], "groups": data.groups.get(part)}
            for part in PARTS
            if part in data.videos
        ],
        "cross_validated": data.cross_validated,
        "labels": [(label, data.videos_per_label.get(label)) for label in data.labels],
        "skipped": [
            (record.without_root(skipped.path), record.without_root(skipped.reason)) for skipped in data.skipped
        ],
        "fingerprint": data.fingerprint[:12],
    }
    return facts if any(facts[key] for key in ("parts", "labels", "skipped")) else {}


def _gist(record: Record) -> str:
    data = record.comparison.data
    parts = [count(sum(data.videos_per_label.values()), "video")] if data.videos_per_label else []
    parts.append(count(len(data.labels), "label"))
    if data.skipped:
        parts.append(f"{count(len(data.skipped), 'file')} skipped")
    return ", ".join(parts)


DATA = Section("Data", _facts, "sections/data.html", _gist)
