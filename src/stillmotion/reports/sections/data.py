"""The videos: parts, labels, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number

PARTS = ("train", "validation", "test")


def _facts(record: Record) -> Mapping[str, Any]:
    data = record.comparison.data
    counts, videos, groups = (data.get(key) or {} for key in ("videos_per_label", "videos", "groups"))
    facts = {
        "parts": [
            {"name": part, "videos": videos[part], "groups": groups.get(part)} for part in PARTS if part in videos
        ],
        "folds": bool(data.get("cross_validated")),
        "labels": [(label, counts.get(label)) for label in data.get("labels") or ()],
        "skipped": [(one.get("path", ""), one.get("reason", "")) for one in data.get("skipped") or ()],
        "fingerprint": str(data.get("fingerprint") or "")[:12],
    }
    return facts if any(facts[key] for key in ("parts", "labels", "skipped")) else {}


def _gist(record: Record) -> str:
    data = record.comparison.data
    skipped = len(data.get("skipped") or ())
    counts = data.get("videos_per_label") or {}
    told = [f"{number(sum(counts.values()))} videos"] if counts else []
    told.append(f"{len(data.get('labels') or ())} labels")
    told += [f"{skipped} file{'' if skipped == 1 else 's'} left out"] if skipped else []
    return ", ".join(told)


DATA = Section("The videos", _facts, "sections/data.html", _gist)
