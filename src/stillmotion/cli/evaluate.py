"""stillmotion evaluate"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, show_left_out
from stillmotion.errors import StillmotionError


def evaluate(
    run_folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder that a training left.", show_default=False)
    ],
    data: Annotated[
        Path | None,
        typer.Argument(metavar="[DATA]", help="Other labelled videos.", show_default="the run's own test part"),
    ] = None,
    group: options.Group = None,
) -> None:
    """Test a run: accuracy, macro-F1, log loss and calibration, over all and for each label.

    Other videos leave the run as it is; only a run that has no test part yet takes them as its own.

    Example: stillmotion evaluate runs/cnn_rnn
    """
    from stillmotion.data import check_labelled, read_videos
    from stillmotion.runs import read_run

    run = read_run(run_folder)
    test = run.record.data.part("test")
    if data is not None:
        test = read_videos(data, group=group)
        check_labelled(test)
        learned = {video.group for part in ("train", "validation") for video in run.record.data.part(part)}
        common = sorted(learned & set(test.groups))
        if common:
            note(f"warning: {len(common)} of these groups were trained on ({common[0]!r}, ...); the figures flatter")
    if not test:
        raise StillmotionError(f"{run_folder}: this run has no test part; give the videos to test it on")
    load_backend()
    import stillmotion as sm
    from stillmotion.prediction import evaluation_rows, predict_labelled, write_rows

    with bar(run.recipe.family) as progress, TemporaryDirectory() as place:
        if data is None or not run.record.data.part("test"):
            file = sm.evaluate(run, test, progress=progress).predictions_file
        else:
            answers, skipped = predict_labelled(run, test, progress=progress)
            show_left_out(skipped, len(test))
            file = Path(place) / "predictions.parquet"
            write_rows(evaluation_rows(answers), file)
        figures = sm.compute_metrics([sm.read_predictions(file)])
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "value", "95 % interval"):
        table.add_column(column, justify="left" if not column else "right")
    for name in ("accuracy", "macro_f1", "log_loss"):
        one = getattr(figures, name)
        table.add_row(name.replace("_", " "), f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}")
    table.add_row("calibration error", f"{figures.calibration_error:.3f}", "")
    for label, one in figures.per_label.items():
        table.add_row(
            f"recall of {escape(label)}", f"{one.recall.value:.3f}", f"{one.recall.low:.3f} to {one.recall.high:.3f}"
        )
    out.print(table)
