"""stillmotion report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli.console import note, out, shown


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="COMPARISON", help="The folder that 'compare' wrote, or a tested run.", show_default=False
        ),
    ],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page.", show_default="report.html in that folder"),
    ] = None,
) -> None:
    """Write a comparison's report again from its records, without running a model.

    Example: stillmotion report comparison --out page.html
    """
    from stillmotion.comparison import COMPARISON_FILE, compare_runs, read_comparison
    from stillmotion.reports import Record, write_report

    folder = folder.parent if folder.name in (COMPARISON_FILE, "report.html") else folder
    single_run = (folder / "run.json").is_file() and not (folder / COMPARISON_FILE).is_file()
    comparison = compare_runs([folder]) if single_run else read_comparison(folder)
    page = write_report(comparison if single_run else folder, out_file or folder / "report.html")
    missing = Record(comparison).missing_examples
    if missing:
        note(f"{missing} of the {len(comparison.examples)} example videos are not in the data folder")
    out.print(shown(page), markup=False)
