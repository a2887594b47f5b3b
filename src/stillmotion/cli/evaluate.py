"""stillmotion evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out
from stillmotion.cli.model_facts import Facts, check_model, takes_facts
from stillmotion.errors import UsageError


@takes_facts()
def evaluate(
    model: options.ModelPath,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            parser=options.read_path,
            help="Other labeled videos.",
            show_default="the run's own test part",
        ),
    ] = None,
    group: options.Group = None,
    frame_rate: options.FrameRate = None,
    *,
    facts: Facts,
    snapshots: options.Snapshots = None,
) -> None:
    """Test a run or any model: accuracy, macro-F1, log loss and calibration, overall and per label.

    Testing on other videos leaves the run unchanged, unless it has no test part yet.

    Example: stillmotion evaluate runs/cnn_rnn
    """
    from stillmotion.experiments import read_labeled, run_evaluation
    from stillmotion.models.cards import find_run
    from stillmotion.models.given_facts import refuse_snapshots

    check_model(model, facts)
    run = find_run(model)
    if run is not None:
        refuse_snapshots(run, snapshots)
    if run is None and data is None:
        raise UsageError(f"{model}: not a run, so it has no test part; give the labeled videos to test it on")
    videos: Any = None if data is None else read_labeled(data, group=group, frame_rate=frame_rate)
    load_backend()
    if run is None:
        from stillmotion.prediction import load_clip_model

        paths = [] if videos is None else [videos.file(video) for video in getattr(videos, "videos", videos)]
        tested: Any = load_clip_model(model, **facts, snapshots=snapshots, videos=paths)
        if tested.note:
            note(tested.note)
    else:
        tested = run
    with bar(run.recipe.family if run else model.name) as progress:
        metrics = run_evaluation(tested, videos, progress=progress)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "value", "95 % interval"):
        table.add_column(column, justify="right" if column else "left")
    for name, figure in (
        ("accuracy", metrics.accuracy),
        ("macro F1", metrics.macro_f1),
        ("log loss", metrics.log_loss),
    ):
        table.add_row(name, f"{figure.value:.3f}", f"{figure.low:.3f} to {figure.high:.3f}")
    table.add_row("calibration error", f"{metrics.calibration_error:.3f}", "")
    for label, figures in metrics.per_label.items():
        recall = figures.recall
        table.add_row(f"recall of {escape(label)}", f"{recall.value:.3f}", f"{recall.low:.3f} to {recall.high:.3f}")
    out.print(table)
