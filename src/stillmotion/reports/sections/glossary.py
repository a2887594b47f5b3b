"""What the words on the page mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.models import FAMILIES, caption
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section


def _facts(record: Record) -> Mapping[str, Any]:
    summaries = [
        (name, FAMILIES[name].summary if name in FAMILIES else caption(name)) for name in record.models if caption(name)
    ]
    return {"models": [(name, summary[0].upper() + summary[1:]) for name, summary in summaries]}


def _gist(record: Record) -> str:
    return "the models, clip, group, margin, interval"


GLOSSARY = Section("Glossary", _facts, "sections/glossary.html", _gist)
