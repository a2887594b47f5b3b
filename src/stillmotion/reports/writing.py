"""The page: all sections of a record, in one file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from stillmotion.reports.records import Record, read_record
from stillmotion.reports.rendering import environment, render_section
from stillmotion.reports.sections import SECTIONS
from stillmotion.runs import make_folder, whole_file

TITLES = {
    "motion needed": "Motion is needed",
    "stills suffice": "Stills suffice",
    "undecided": "Undecided",
    None: "No verdict",
}


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a comparison's folder (or of a single run's), whole or not at all; return its path.

    Args:
        folder: what `compare` wrote; report.html goes there unless `out` names a file.

    Raises:
        StillmotionError: the folder holds no comparison, or the page cannot be written.
    """
    path = Path(out) if out is not None else Path(folder) / "report.html"
    page = render_report(read_record(Path(folder)))
    make_folder(path.parent)
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
    return path


def render_report(record: Record) -> str:
    """The page as text. Its pictures come from the test videos, if those are still there."""
    answer = record.comparison.verdict.answer if record.comparison.verdict else None
    rendered = [(name, section.title, render_section(section, record)) for name, section in SECTIONS.items()]
    return (
        environment()
        .get_template("page.html")
        .render(
            answer=answer,
            title=TITLES[answer],
            name=record.name,
            sections=[(name, title, body) for name, title, body in rendered if body.strip()],
        )
    )
