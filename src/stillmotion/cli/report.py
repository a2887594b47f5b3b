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
        typer.Option(
            "--out", metavar="FILE", help="The page.", show_default="report.html or summary.html in that folder"
        ),
    ] = None,
    summary: Annotated[
        bool,
        typer.Option(
            "--summary",
            help="Write one page to print in its place, without pictures: what the model may and may not be used for.",
        ),
    ] = False,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Leave out the frames of example videos, in which people may be seen.")
    ] = False,
) -> None:
    """Write a comparison's report again from its records, without running a model.

    Example: stillmotion report comparison --out page.html
    """
    from stillmotion.comparison import COMPARISON_FILE, compare_runs, read_comparison
    from stillmotion.reports import Record, write_report, write_summary

    folder = folder.parent if folder.name in (COMPARISON_FILE, "report.html", "summary.html") else folder
    single_run = (folder / "run.json").is_file() and not (folder / COMPARISON_FILE).is_file()
    comparison = compare_runs([folder]) if single_run else read_comparison(folder)
    source = comparison if single_run else folder
    if summary:
        page = write_summary(source, out_file or folder / "summary.html")
    else:
        page = write_report(source, out_file or folder / "report.html", pictures=not no_pictures)
    missing = 0 if summary or no_pictures else Record(comparison).missing_examples
    if missing:
        note(f"{missing} of the {len(comparison.examples)} example videos are not in the data folder")
    out.print(shown(page), markup=False)
