"""The page: all sections of a record, in one file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from stillmotion.comparison import Comparison
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, make_folder
from stillmotion.reports.records import Record, read_record
from stillmotion.reports.rendering import environment, render_section
from stillmotion.reports.sections import SECTIONS
from stillmotion.reports.summary import render_summary


def write_report(comparison: str | Path | Comparison, out: str | Path | None = None, *, pictures: bool = True) -> Path:
    """Write the page of a comparison, completely or not at all.

    Args:
        comparison: a folder that `compare` wrote, or a comparison, such as `compare_runs` returns. Of a folder, only
            example videos in the data folder that it names are opened; its comparison.json may be somebody else's.
        out: the page; report.html in the comparison's folder unless given.
        pictures: whether the page shows frames of the example videos.

    Returns:
        The path of the page.

    Raises:
        UsageError: `out` does not end in .html or .htm, or a comparison is given without `out`.
        StillmotionError: the folder holds no comparison, or the page cannot be written.

    Examples:
        >>> sm.write_report("comparison").name
        'report.html'
    """
    path = _choose_path(comparison, out, "report.html")
    return _write(render_report(replace(_read(comparison, path), pictures=pictures)), path)


def write_summary(comparison: str | Path | Comparison, out: str | Path | None = None) -> Path:
    """Write one page to print, for somebody who was not there: what the model may and may not be used for.

    It has no pictures and no statistics beyond intervals.

    Args:
        comparison: as for `write_report`.
        out: the page; summary.html in the comparison's folder unless given.

    Returns:
        The path of the page.

    Raises:
        UsageError: as for `write_report`.
        StillmotionError: as for `write_report`.

    Examples:
        >>> sm.write_summary("comparison").name
        'summary.html'
    """
    path = _choose_path(comparison, out, "summary.html")
    return _write(_checked(_read(comparison, path), render_summary), path)


def _choose_path(comparison: str | Path | Comparison, out: str | Path | None, name: str) -> Path:
    """Where to write a page. Raises UsageError if that is unclear."""
    if out is None and isinstance(comparison, Comparison):
        raise UsageError(f"a comparison is not a folder; give the page a name, such as out={name!r}")
    path = Path(str(comparison), name) if out is None else Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out or repr(str(out))}: give the page a name that ends in .html")
    return path


def _read(comparison: str | Path | Comparison, path: Path) -> Record:
    if isinstance(comparison, Comparison):
        return Record(comparison, Path(comparison.data.root or path.resolve().parent).name, trusted=True)
    return read_record(Path(comparison))


def _write(page: str, path: Path) -> Path:
    make_folder(path.parent)
    with atomic_write(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
    return path


def render_report(record: Record) -> str:
    """Render the page.

    Args:
        record: the comparison. Frames come from its example videos, if their files are still there.

    Returns:
        HTML.

    Raises:
        StillmotionError: the comparison contradicts itself, so that it cannot be shown.
    """
    return _checked(record, _render)


def _checked(record: Record, render: Callable[[Record], str]) -> str:
    try:
        return render(record)
    except StillmotionError:
        raise
    # A comparison.json with valid types may still lack, say, the family that its verdict names.
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise StillmotionError(f"{record.name}: not a comparison's record ({why}); compare again") from error


def _render(record: Record) -> str:
    answer = record.comparison.verdict.answer if record.comparison.verdict else None
    sections = {name: render_section(section, record) for name, section in SECTIONS.items()}
    examples = sections.get("example_videos")
    script, script_hash = page_script()
    return (
        environment()
        .get_template("page.html")
        .render(
            answer=answer,
            title=record.title,
            guessing=record.comparison.guessing_sentence,
            name=record.name,
            pictures=bool(examples and "data:image/webp" in examples.body),
            sections={name: section for name, section in sections.items() if section},
            script=Markup(script),
            script_hash=script_hash,
        )
    )


def page_script() -> tuple[str, str]:
    """The script of pages, and its hash, by which a page says that it runs no other."""
    script = files("stillmotion.reports").joinpath("page.js").read_text(encoding="utf-8")
    return script, b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii")
