"""stillmotion make-demo-data"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli.console import bar, note, out, shown
from stillmotion.demo import LABELS
from stillmotion.errors import UsageError
from stillmotion.formatting import count

ANOMALY = "anomaly"
KINDS = (*LABELS, ANOMALY)


def make_demo_data(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the videos.", show_default=False)],
    kind: Annotated[
        str,
        typer.Option(
            metavar="|".join(KINDS),
            help="How the labels differ: in look, in motion, or in both; or recordings for an anomaly detector.",
        ),
    ] = "motion",
    videos: Annotated[int | None, typer.Option(help="Number of videos.", min=1, show_default="200")] = None,
    minutes: Annotated[
        int | None, typer.Option(help="Minutes of normal footage, with --kind anomaly.", min=1, show_default="20")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed; other seeds give other videos.", min=0)] = 0,
) -> None:
    """Render videos of a small production line to try stillmotion with.

    Example: stillmotion make-demo-data line --kind motion --videos 200
    """
    from stillmotion.demo import make_anomaly_data, make_demo_data as render

    if kind == ANOMALY:
        if videos is not None:
            raise UsageError(f"--videos has no meaning with --kind {kind}: --minutes says how much")
        with bar("rendering") as progress:
            files = make_anomaly_data(folder, minutes=minutes or 20, seed=seed, progress=progress)
        out.print(f"{count(len(files), 'recording')}, of normal footage and of tests, in {shown(folder)}", markup=False)
        note(
            f"next: stillmotion anomaly fit {shown(folder / 'normal')} --out detector, then "
            f"stillmotion anomaly test detector {shown(folder / 'test' / 'truth.csv')}"
        )
        return
    if kind not in LABELS:
        raise UsageError(f"--kind {kind!r}: expected {', '.join(KINDS)}")
    if minutes is not None:
        raise UsageError(f"--minutes has no meaning with --kind {kind}: --videos says how many")
    with bar("rendering") as progress:
        files = render(folder, kind=kind, videos=videos or 200, seed=seed, progress=progress)
    out.print(f"{count(len(files), 'video')}, labels {', '.join(LABELS[kind])}, in {shown(folder)}", markup=False)
