"""The page of an audit: audit.json -> audit.html, in one file that needs nothing else."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stillmotion.audit import Audit, Sensitivity, read_audit
from stillmotion.files import atomic_write
from stillmotion.reports.geometry import scale, ticks
from stillmotion.reports.rendering import environment

MOST_ROWS = 60  # snapshots in the table


def write_audit_page(folder: Path, out: Path | None = None) -> Path:
    """Write the page of an audit's folder; return its path.

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
    """The page as text."""
    title, tone = _title(audit)
    return (
        environment()
        .get_template("audit.html")
        .render(
            audit=audit,
            title=title,
            tone=tone,
            name=Path(audit.model.file).name,
            waterfall=_waterfall(audit),
            pictures=[_side_by_side(picture) for picture in audit.pictures],
            sensitivity=_sensitivity(audit),
            failed=sum(not check.passed for check in audit.consistency),
            snapshots=[_snapshot(row) for row in audit.snapshots[:MOST_ROWS]],
            more=max(0, len(audit.snapshots) - MOST_ROWS),
        )
    )


def _title(audit: Audit) -> tuple[str, str]:
    if audit.causes:
        first = audit.causes[0].cause
        return (first[:1].upper() + first[1:] if first != "unexplained" else "An unknown difference"), "bad"
    if any(not check.passed for check in audit.consistency):
        return "The model is not consistent", "bad"
    if audit.snapshots:
        matched = any(row.video for row in audit.snapshots)
        return ("Both paths agree", "good") if matched else ("No moment found", "bad")
    return "Nothing to compare yet", "none"


def _waterfall(audit: Audit) -> list[dict[str, Any]]:
    """From the video's answers to the snapshots': a step a cause, in percent of the whole change."""
    if not audit.causes:
        return []
    steps = [(cause.cause, cause.share, cause) for cause in audit.causes]
    rest = 1.0 - sum(cause.share for cause in audit.causes)
    if abs(rest) >= 0.005:
        steps.append(("the rest, below the noise floor", rest, None))  # type: ignore[arg-type]
    ends = np.cumsum([share for _, share, _ in steps])
    x = scale(min(0.0, float(ends.min())), max(1.0, float(ends.max())))
    rows = []
    start = 0.0
    for (name, share, cause), end in zip(steps, ends, strict=True):
        low, high = sorted((start, float(end)))
        rows.append({"name": name, "share": share, "left": x(low), "width": x(high) - x(low), "cause": cause})
        start = float(end)
    return rows


def _side_by_side(picture: Any) -> dict[str, Any]:
    snapshot, frame = (np.asarray(_open(uri), np.float32) for uri in (picture.snapshot, picture.frame))
    difference = np.abs(snapshot - frame)
    top = float(np.quantile(difference, 0.995))
    times = float(np.clip(np.floor(255 / top), 1, 32)) if top > 0 else 32.0
    shown = Image.fromarray(np.clip(difference * times, 0, 255).astype(np.uint8))
    buffer = BytesIO()
    shown.save(buffer, "PNG")
    uri = "data:image/png;base64," + b64encode(buffer.getvalue()).decode("ascii")
    return {"picture": picture, "difference": uri, "times": int(times), "mean": float(difference.mean())}


def _open(uri: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(uri.partition(",")[2]))).convert("RGB")


def _sensitivity(audit: Audit) -> Mapping[str, Any]:
    """A line a fault: its strengths as dots at their share of changed labels; the most sensitive first."""
    faults: dict[str, list[Sensitivity]] = {}
    for row in audit.sensitivity:
        faults.setdefault(row.fault, []).append(row)
    if not faults:
        return {}
    top = max(0.1, min(1.0, 1.05 * max(row.flips for row in audit.sensitivity)))
    x = scale(0.0, top)
    lines = []
    for name, rows in faults.items():
        worst = max(rows, key=lambda row: (row.flips, row.change))
        lines.append(
            {
                "name": name,
                "worst": worst,
                "low": x(worst.flips_low),
                "high": x(worst.flips_high),
                "dots": [(x(row.flips), row) for row in rows],
            }
        )
    lines.sort(key=lambda line: (-line["worst"].flips, -line["worst"].change))  # type: ignore[attr-defined]
    return {
        "lines": lines,
        "ticks": [(x(tick / 100), f"{tick:g} %") for tick in ticks(0, 100 * top)],
        "flicker": x(audit.noise.flicker_flips) if audit.noise.flicker_flips is not None else None,
        "rows": audit.sensitivity,
    }


def _snapshot(row: Any) -> dict[str, Any]:
    return {
        "row": row,
        "file": Path(row.file).name,
        "video": Path(row.video).name if row.video else None,
        "same": row.video_label == row.snapshot_label,
    }
