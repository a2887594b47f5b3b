"""The page: all sections of a record, in one file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from stillmotion.comparison import ANSWER_TITLES
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, make_folder
from stillmotion.reports.records import Record, read_record
from stillmotion.reports.rendering import environment, render_section
from stillmotion.reports.sections import SECTIONS


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a comparison's folder (or of a single run's), whole or not at all; return its path.

    Args:
        folder: what `compare` wrote; report.html goes there unless `out` names a file.

    Raises:
        UsageError: `out` is no name of a page.
        StillmotionError: the folder holds no comparison, or the page cannot be written.
    """
    path = Path(out) if out is not None else Path(folder) / "report.html"
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out or repr(str(out))}: give the page a name that ends in .html")
    record = read_record(Path(folder))
    try:
        page = render_report(record)
    except StillmotionError:
        raise
    except Exception as error:  # whatever somebody else's record leads to
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise StillmotionError(f"{folder}: not a comparison's record ({why}); compare again") from error
    make_folder(path.parent)
    with atomic_write(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
    return path


def render_report(record: Record) -> str:
    """The page as text. Its pictures come from the test videos, if those are still there."""
    answer = record.comparison.verdict.answer if record.comparison.verdict else None
    sections = {name: render_section(section, record) for name, section in SECTIONS.items()}
    script = files("stillmotion.reports").joinpath("page.js").read_text(encoding="utf-8")
    return (
        environment()
        .get_template("page.html")
        .render(
            answer=answer,
            title=ANSWER_TITLES[answer] if answer else "No verdict",
            name=record.name,
            sections={name: section for name, section in sections.items() if section},
            script=Markup(script),
            script_hash=b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii"),
        )
    )
