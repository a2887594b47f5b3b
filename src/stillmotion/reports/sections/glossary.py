"""What the page's words mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.models import FAMILIES
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section


def _facts(record: Record) -> Mapping[str, Any]:
    known = [(name, FAMILIES[name].summary) for name in record.families if name in FAMILIES]
    return {"families": [(name, text[0].upper() + text[1:]) for name, text in known]}


GLOSSARY = Section("In plain words", _facts, "sections/glossary.html",
                lambda record: "clip, group, margin, interval")  # fmt: skip
