"""The page of an audit: audit.json and its pictures -> audit.html, one file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stillmotion.audit import Audit, Cause, Preview, Sensitivity, SnapshotRow, read_audit
from stillmotion.errors import StillmotionError
from stillmotion.files import atomic_write
from stillmotion.reports.geometry import Scale, scale, ticks
from stillmotion.reports.rendering import environment

MAX_ROWS = 60  # snapshots in the table
MAX_MAGNIFICATION = 32  # of difference pictures
MIN_REST = 0.005  # a smaller rest is not drawn

Tone = Literal["bad", "good", "neutral"]


@dataclass(frozen=True)
class _Step:
    """A bar of the waterfall: a cause, or the rest that belongs to none."""

    name: str
    share: float
    left: float
    width: float
    cause: Cause | None


@dataclass(frozen=True)
class _PreviewFigure:
    """A preview, with its pictures and their magnified difference as data URIs."""

    preview: Preview
    snapshot: str
    frame: str
    difference: str
    magnification: int
    mean_difference: float


@dataclass(frozen=True)
class _SensitivityLine:
    """A fault: its most harmful strength, that one's interval, and a dot for each strength."""

    name: str
    worst: Sensitivity
    low: float
    high: float
    dots: tuple[tuple[float, Sensitivity], ...]


@dataclass(frozen=True)
class _SensitivityFigure:
    """All faults, the most harmful first, with the axis, and where flicker lies on it."""

    lines: tuple[_SensitivityLine, ...]
    ticks: tuple[tuple[float, str], ...]
    flicker: float | None


def write_audit_page(folder: Path, out: Path | None = None) -> Path:
    """Write the page of an audit.

    Args:
        folder: holds audit.json.
        out: the page; audit.html in the folder if None.

    Returns:
        The page's path.

    Raises:
        UsageError: the folder holds no audit.json.
        StillmotionError: it cannot be read, or the page cannot be written.
    """
    path = out or folder / "audit.html"
    page = render_audit(read_audit(folder))
    with atomic_write(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
    return path


def render_audit(audit: Audit) -> str:
    """The page as text. Raises StillmotionError if a picture cannot be read."""
    title, tone = _choose_title(audit)
    template = environment().get_template("audit.html")
    return template.render(
        audit=audit,
        title=title,
        tone=tone,
        name=Path(audit.model.file).name,
        waterfall=_make_waterfall(audit),
        previews=_make_previews(audit),
        sensitivity=_make_sensitivity_figure(audit),
        failed=sum(not check.passed for check in audit.consistency),
        snapshots=audit.snapshots[:MAX_ROWS],
        snapshots_left_out=max(0, len(audit.snapshots) - MAX_ROWS),
        file_name=_file_name,
        capitalized=_capitalized,
        only_frames=all(_is_frame(row) for row in audit.snapshots),
    )


def _choose_title(audit: Audit) -> tuple[str, Tone]:
    """The result in a word or two, and its color."""
    if audit.causes:
        unknown = audit.causes[0].cause == "unexplained"
        return ("An unknown difference" if unknown else _capitalized(audit.causes[0].name)), "bad"
    if any(not check.passed for check in audit.consistency):
        return "The model is inconsistent", "bad"
    if audit.snapshots:
        matched = any(row.video for row in audit.snapshots)
        return ("Both paths agree", "good") if matched else ("No snapshot matches", "bad")
    return "Nothing to compare yet", "neutral"


def _make_waterfall(audit: Audit) -> list[_Step]:
    """From the predictions of the video to those of the snapshots: one step per cause."""
    causes = [cause for cause in audit.causes if cause.explains == "change"]
    if not causes:
        return []
    steps: list[tuple[str, float, Cause | None]] = [(cause.name, cause.share, cause) for cause in causes]
    rest = 1.0 - sum(cause.share for cause in causes)
    if abs(rest) >= MIN_REST:
        steps.append(("the rest, below the noise floor", rest, None))
    ends = np.cumsum([share for _, share, _ in steps])
    starts = [0.0, *ends[:-1]]
    x = scale(min(0.0, float(ends.min())), max(1.0, float(ends.max())))
    bars = []
    for (name, share, cause), start, end in zip(steps, starts, ends, strict=True):
        low, high = sorted((float(start), float(end)))
        bars.append(_Step(name, share, x(low), x(high) - x(low), cause))
    return bars


def _make_previews(audit: Audit) -> list[_PreviewFigure]:
    """The previews whose pictures are there."""
    figures = []
    for preview in audit.previews:
        if preview.snapshot_image in audit.images and preview.frame_image in audit.images:
            images = audit.images[preview.snapshot_image], audit.images[preview.frame_image]
            figures.append(_make_preview(preview, *images))
    return figures


def _make_preview(preview: Preview, snapshot: bytes, frame: bytes) -> _PreviewFigure:
    levels = [_decode_png(preview.snapshot_image, snapshot), _decode_png(preview.frame_image, frame)]
    if levels[0].shape != levels[1].shape:
        raise StillmotionError(f"{preview.snapshot_image}, {preview.frame_image}: pictures of different sizes")
    difference = np.abs(levels[0] - levels[1])
    top = float(np.quantile(difference, 0.995))  # a few pixels must not decide
    magnification = int(np.clip(np.floor(255 / top), 1, MAX_MAGNIFICATION)) if top > 0 else MAX_MAGNIFICATION
    buffer = BytesIO()
    Image.fromarray(np.clip(difference * magnification, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    uris = [_data_uri(png) for png in (snapshot, frame, buffer.getvalue())]
    return _PreviewFigure(preview, uris[0], uris[1], uris[2], magnification, float(difference.mean()))


def _decode_png(name: str, png: bytes) -> NDArray[np.float32]:
    try:
        return np.asarray(Image.open(BytesIO(png), formats=["PNG"]).convert("RGB"), np.float32)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise StillmotionError(f"{name}: not a PNG picture") from None


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + b64encode(png).decode("ascii")


def _make_sensitivity_figure(audit: Audit) -> _SensitivityFigure | None:
    """One line per fault, on an axis of the share of labels that change."""
    if not audit.sensitivity:
        return None
    faults: dict[str, list[Sensitivity]] = {}
    for row in audit.sensitivity:
        faults.setdefault(row.fault, []).append(row)
    top = max(0.1, min(1.0, 1.05 * max(row.flips for row in audit.sensitivity)))
    x = scale(0.0, top)
    worst_first = sorted(
        ((max(rows, key=_harm), rows) for rows in faults.values()), key=lambda entry: _harm(entry[0]), reverse=True
    )
    lines = tuple(
        _SensitivityLine(worst.name, worst, x(worst.flips_low), x(worst.flips_high), tuple(_dots(rows, x)))
        for worst, rows in worst_first
    )
    flicker = audit.noise.flicker_flips
    marks = tuple((x(tick / 100), f"{tick:g} %") for tick in ticks(0, 100 * top))
    return _SensitivityFigure(lines, marks, x(flicker) if flicker is not None else None)


def _dots(rows: Iterable[Sensitivity], x: Scale) -> Iterable[tuple[float, Sensitivity]]:
    return ((x(row.flips), row) for row in rows)


def _harm(row: Sensitivity) -> tuple[float, float]:
    return row.flips, row.change


def _is_frame(row: SnapshotRow) -> bool:
    """Whether it is a frame of a video in place of a snapshot."""
    return row.file == row.video


def _file_name(path: str) -> str:
    """The last part of a path of any system."""
    return path.replace("\\", "/").rpartition("/")[2]


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
