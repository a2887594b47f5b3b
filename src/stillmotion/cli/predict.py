"""stillmotion predict"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, shown
from stillmotion.cli.detectors import find_detector, predict_with_detector
from stillmotion.cli.model_facts import Facts, check_model, takes_facts
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models import find_family

if TYPE_CHECKING:
    from stillmotion.prediction import VideoPrediction


@takes_facts()
def predict(
    context: typer.Context,
    model: options.ModelPath,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            parser=options.read_path,
            help="Videos, images, folders of them, or tables with a column 'path'.",
            show_default=False,
        ),
    ],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write a table: .csv, .jsonl or .parquet.", show_default=False),
    ] = None,
    frame_rate: options.FrameRate = None,
    *,
    facts: Facts,
    snapshots: options.Snapshots = None,
) -> None:
    """Predict the labels of videos and images: of each window, and of the whole video.

    With an anomaly detector: score how unusual each frame is.

    Example: stillmotion predict runs/cnn_rnn new.mp4 archive/ --out predictions.csv
    """
    detector = find_detector(context, model, ("model", "paths", "out_file", "frame_rate"))
    if detector is not None:
        return predict_with_detector(detector, paths, out_file, frame_rate)
    check_model(model, facts)
    load_backend()
    from stillmotion.prediction import (
        VideoPrediction,
        check_ending,
        find_inputs,
        load_clip_model,
        predict as predict_videos,
        prediction_rows,
        write_rows,
    )

    if out_file is not None:
        check_ending(out_file)
    videos = find_inputs(paths, frame_rate=frame_rate)
    if out_file is not None:
        _check_not_read(out_file, [*paths, *map(videos.file, videos)])
    videos_to_read = [videos.file(video) for video in videos]
    clip_model = load_clip_model(model, **facts, snapshots=snapshots, videos=videos_to_read)
    run = clip_model.described.run if clip_model.described else None
    if run is None and clip_model.note:
        note(clip_model.note)
    predictions: list[VideoPrediction] = []
    skipped = 0
    try:
        with bar("predicting") as progress:
            for result in predict_videos(clip_model, videos):
                if isinstance(result, VideoPrediction):
                    predictions.append(result)
                else:
                    skipped += 1
                    note(f"skipped: {result.reason}")
                progress("", len(predictions) + skipped, len(videos))
    finally:
        # If the work is interrupted, what has been predicted so far is written.
        if out_file is not None and predictions:
            write_rows(prediction_rows(predictions), out_file)
            note(f"predictions for {len(predictions)} videos in {shown(out_file)}")
    if out_file is None:
        out.print(_make_table(predictions))
    unlike = sum(prediction.unlike_training is True for prediction in predictions)
    if unlike:
        note(f"unlike the training clips: {unlike} of {len(predictions)} videos; do not rely on their labels")
    stills = [prediction.video.name for prediction in predictions if prediction.windows == ((0.0, 0.0),)]
    if run and stills and find_family(run.recipe.family).kind == "motion":
        others = f" (and {len(stills) - 1} more)" if len(stills) > 1 else ""
        note(
            f"warning: {stills[0]}{others} is a still image; {run.recipe.family} sees it as a video in which nothing "
            "moves. Use the run of a still family for images, or --frame-rate for folders of numbered frames."
        )
    if skipped:
        raise StillmotionError(f"{skipped} of {len(videos)} inputs could not be read")


def _check_not_read(out_file: Path, files: Sequence[Path]) -> None:
    """Refuse to replace a file that is read. Raises UsageError."""
    if out_file.exists() and any(file.exists() and file.samefile(out_file) for file in files):
        raise UsageError(f"--out {out_file}: it is one of the inputs and would be replaced; choose another name")


def _make_table(predictions: Sequence[VideoPrediction]) -> Table:
    """One row per video, after one for each of its windows if there are several."""
    from stillmotion.prediction import prediction_rows
    from stillmotion.prediction.tables import value_column

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    first = predictions[0] if predictions else None
    regression = first is not None and first.outputs == "regression"
    values = list(map(value_column, first.labels)) if first and regression else []
    independent = first is not None and first.outputs == "independent sigmoids"
    marked = first is not None and first.unlike_training is not None
    for column in ("video", "seconds", *(values or ("label", *(() if independent else ("probability",))))):
        table.add_column(column, justify="right" if column in ("probability", *values) else "left", overflow="fold")
    if marked:
        table.add_column("")
    for prediction in predictions:
        *windows, video = prediction_rows([prediction])
        for row in (*(windows if len(windows) > 1 else ()), video):
            given = [f"{row[column]:.4g}" for column in values]
            if not regression:
                given = [escape(row["label"])] + ([] if independent else [f"{row['probability']:.3f}"])
            if marked:
                given.append("unlike training" if row["unlike_training"] else "")
            table.add_row(
                escape(row["video"]) if row is video else "",
                f"{row['start_seconds']:.2f} to {row['end_seconds']:.2f}",
                *given,
                style="bold" if row is video else "",
            )
    return table
