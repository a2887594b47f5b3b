"""stillmotion report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli.console import note, out, shown


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="COMPARISON", help="The folder that 'compare' wrote.", show_default=False)
    ],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page.", show_default="report.html in that folder"),
    ] = None,
) -> None:
    """Write a comparison's page anew from its records; no model is run.

    Example: stillmotion report comparison --out page.html
    """
    from stillmotion.reports import write_report
    from stillmotion.reports.records import read_record

    folder = folder.parent if folder.name in ("comparison.json", "report.html") else folder
    page = write_report(folder, out_file)
    record = read_record(folder)
    if record.gone:
        note(f"{record.gone} of the {len(record.comparison.examples)} videos to look at are no longer where they were")
    out.print(shown(page), markup=False)
