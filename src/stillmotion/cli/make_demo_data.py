"""stillmotion make-demo-data"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli.console import bar, out, shown
from stillmotion.demo import LABELS
from stillmotion.errors import UsageError


def make_demo_data(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the videos.", show_default=False)],
    kind: Annotated[
        str, typer.Option(metavar="|".join(LABELS), help="How the labels differ: in look, in motion, or in both.")
    ] = "motion",
    videos: Annotated[int, typer.Option(help="Number of videos.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Random seed; other seeds give other videos.", min=0)] = 0,
) -> None:
    """Render labeled videos of a small production line to try stillmotion with.

    Example: stillmotion make-demo-data line --kind motion --videos 200
    """
    if kind not in LABELS:
        raise UsageError(f"--kind {kind!r}: expected {', '.join(LABELS)}")
    from stillmotion.demo import make_demo_data as render

    with bar("rendering") as progress:
        files = render(folder, kind=kind, videos=videos, seed=seed, progress=progress)
    out.print(f"{len(files)} videos, labels {', '.join(LABELS[kind])}, in {shown(folder)}", markup=False)
