"""stillmotion predict"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import MAX_LINES, bar, note, out, shown
from stillmotion.cli.detectors import find_detector, predict_with_detector
from stillmotion.cli.model_facts import Facts, check_model, takes_facts
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import is_address
from stillmotion.formatting import count
from stillmotion.models import find_family

if TYPE_CHECKING:
    from stillmotion.prediction import VideoPrediction

# Files of an archive whose frames help to find out how somebody else's model is fed.
MEASURED_FILES = 32


def _read_out(text: str) -> Path | str:
    """The path of a table; that of a folder, or an address, stays a text."""
    if text.endswith(("/", os.sep)) or is_address(text) or Path(text).is_dir():
        return text
    return options.read_path(text)


@takes_facts()
def predict(
    context: typer.Context,
    model: options.ModelPath,
    paths: Annotated[
        list[Any],
        typer.Argument(
            metavar="INPUT",
            parser=options.read_path_or_address,
            help="Videos, images, folders of them, or tables with a column 'path'; with --out FOLDER/, also addresses "
            "such as s3://bucket/folder.",
            show_default=False,
        ),
    ],
    out_file: Annotated[
        Any,
        typer.Option(
            "--out",
            metavar="FILE|FOLDER/",
            parser=_read_out,
            help="Write a table (.csv, .jsonl or .parquet); or a folder or address of Parquet files, for archives of "
            "many files: the same command goes on where it was.",
            show_default=False,
        ),
    ] = None,
    frame_rate: options.FrameRate = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Where work runs side by side: local (as many processes as cores and memory allow), processes:N, ray, "
            "or ray://HOST:PORT. Needs --out FOLDER/.",
            show_default="local",
        ),
    ] = None,
    *,
    facts: Facts,
    snapshots: options.Snapshots = None,
) -> None:
    """Predict the labels of videos and images: of each window, and of the whole video.

    With an anomaly detector: score how unusual each frame is.

    With --out FOLDER/, files are predicted side by side, and each once: run the same command again to go on.

    Example: stillmotion predict runs/cnn_rnn new.mp4 archive/ --out predictions.csv
    """
    archive = isinstance(out_file, str)
    if not archive:
        _check_no_archive(paths, on)
    detector = find_detector(context, model, ("model", "paths", "out_file", "frame_rate", "on"))
    if archive:
        return _predict_archive(detector or model, paths, out_file, frame_rate, on, facts, snapshots)
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
            note(f"predictions for {count(len(predictions), 'video')} in {shown(out_file)}")
    if out_file is None:
        out.print(_make_table(predictions))
    unlike = sum(prediction.unlike_training is True for prediction in predictions)
    if unlike:
        note(f"unlike the training clips: {unlike} of {len(predictions)} videos; do not rely on their labels")
    stills = [prediction.video.name for prediction in predictions if prediction.windows == ((0.0, 0.0),)]
    if run and stills and find_family(run.recipe.family).kind == "motion":
        others = f" (and {len(stills) - 1} more)" if len(stills) > 1 else ""
        note(
            f"warning: {stills[0]}{others} is a still image; a motion model ({run.recipe.family}) sees it as a video "
            "in which nothing moves. Use the run of a still model for images, or --frame-rate for folders of numbered "
            "frames."
        )
    if skipped:
        raise StillmotionError(f"{skipped} of {len(videos)} inputs could not be read")


def _check_no_archive(paths: Sequence[Path | str], on: str | None) -> None:
    """Refuse what only an archive can have. Raises UsageError."""
    address = next((path for path in paths if isinstance(path, str)), None)
    if on is not None or address is not None:
        what = "--on" if address is None else "an address"
        raise UsageError(f"{what}: only for archives; give --out the name of a folder, with a / at its end")


def _predict_archive(
    model: Any,
    paths: Sequence[Path | str],
    out_folder: str,
    frame_rate: float | None,
    on: str | None,
    facts: Facts,
    snapshots: Path | None,
) -> None:
    """Predict an archive into a folder, and say what could not be predicted."""
    from stillmotion.archive import ResultStore, list_archive, prepare_model, run_archive
    from stillmotion.execution.places import LOCAL, check_place

    check_place(on or LOCAL)
    store = ResultStore(out_folder)
    if isinstance(model, Path):
        check_model(model, facts)
    files = list_archive(paths, frame_rate=frame_rate)
    load_backend()
    if isinstance(model, Path):
        from stillmotion.prediction import load_clip_model

        first = [Path(file.video.path) for file in files if not file.store][:MEASURED_FILES]
        model = load_clip_model(model, **facts, snapshots=snapshots, videos=first)
        if model.note and not (model.described and model.described.run):
            note(model.note)
    with bar("predicting") as progress:
        result = run_archive(prepare_model(model), files, store, on or LOCAL, progress)
    place = result.out.rstrip("/")
    if result.predicted:
        note(f"predictions for {result.predicted} of {result.files} files in {place}/predictions")
    for failure in result.failures[:MAX_LINES]:
        note(f"skipped: {failure.reason}")
    if result.failures:
        again = sum(failure.cause == "temporary" for failure in result.failures)
        told = [f"{place}/errors says why"] if again < len(result.failures) else []
        told += [f"the same command tries {again} of them again"] if again else []
        raise StillmotionError(
            f"{len(result.failures)} of {result.files} inputs could not be predicted; {'; '.join(told)}"
        )


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
