"""stillmotion predict"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, shown
from stillmotion.errors import StillmotionError


def predict(
    run_folder: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="The folder that a training left, or its model.keras.", show_default=False),
    ],
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Videos, snapshots, folders of them, tables with a column 'path'.",
            show_default=False,
        ),
    ],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="A table: .csv, .jsonl or .parquet.", show_default=False),
    ] = None,
) -> None:
    """Label videos and snapshots: each window's answer, and the whole video's.

    Example: stillmotion predict runs/cnn_rnn new.mp4 snapshot.png archive/ --out answers.csv
    """
    from stillmotion.runs import read_run

    run = read_run(run_folder)
    load_backend()
    import stillmotion as sm
    from stillmotion.prediction.inputs import find_inputs
    from stillmotion.prediction.tables import check_ending, prediction_rows, write_rows

    if out_file is not None:
        check_ending(out_file)
    videos = find_inputs(inputs)

    answers: list[sm.VideoPrediction] = []
    failed = 0
    try:
        with bar("predicting") as progress:
            for found in sm.predict(run, videos):
                if isinstance(found, sm.VideoPrediction):
                    answers.append(found)
                else:
                    failed += 1
                    note(f"left out: {found.reason}")
                progress("", len(answers) + failed, len(videos))
    finally:
        # Interrupted or not, what was answered is written.
        if out_file is not None and answers:
            write_rows(prediction_rows(answers), out_file)
            note(f"{len(answers)} videos answered, in {shown(out_file)}")
    if out_file is None:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("video", "seconds", "label", "probability"):
            table.add_column(column, justify="right" if column == "probability" else "left", overflow="fold")
        several = {answer.video.name for answer in answers if len(answer.windows) > 1}
        for row in prediction_rows(answers):
            whole = row["window"] == "all"
            if not whole and row["video"] not in several:
                continue
            table.add_row(
                escape(row["video"]) if whole else "",
                f"{row['start_seconds']:.2f} to {row['end_seconds']:.2f}",
                escape(row["label"]),
                f"{row['probability']:.3f}",
                style="bold" if whole else "",
            )
        out.print(table)
    if failed:
        raise StillmotionError(f"{failed} of {len(videos)} inputs could not be read")
