"""stillmotion export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend, silent
from stillmotion.cli.console import note, out, shown
from stillmotion.cli.model_facts import Facts, check_model, takes_facts


@takes_facts()
def export(
    model: options.ModelPath,
    format: Annotated[str, typer.Option(help="onnx, openvino, saved_model or litert.")] = "onnx",
    stream: Annotated[
        bool,
        typer.Option("--stream", help="Export the step of a stream, which keeps a state, instead of the whole model."),
    ] = False,
    hop: Annotated[int, typer.Option(help="Frames from one window to the next, with --stream.", min=1)] = 1,
    out_folder: Annotated[
        Path | None,
        options.out_folder(
            "Folder for the export.", show_default="exports/ in the run's folder, MODEL-exports/ beside a model"
        ),
    ] = None,
    *,
    facts: Facts,
    snapshots: options.Snapshots = None,
    videos: Annotated[
        list[Path] | None,
        typer.Option(
            "--compare-on",
            metavar="PATH",
            help="Compare predictions on this video, picture or folder, too. Can be repeated.",
            show_default="test videos of a run",
        ),
    ] = None,
) -> None:
    """Export a model for another runtime, and check that it predicts the same. Includes an example script.

    Example: stillmotion export runs/cnn_rnn --format onnx --stream
    """
    from stillmotion.exporting import check_format

    check_format(format)
    check_model(model, facts)
    load_backend()
    from stillmotion.prediction import export_model

    with silent():
        result = export_model(
            model, format, out_folder, stream=stream, hop=hop, **facts, snapshots=snapshots, videos=videos or ()
        )
    out.print(
        f"predictions differ by at most {result.max_difference:.1e}, and vary by {result.variation:.2g}, in "
        f"{result.real_windows} windows of videos and {result.windows - result.real_windows} of noise"
    )
    if not result.is_telling:
        note("warning: predictions that hardly vary agree easily; give --compare-on with videos of several labels")
    if result.test and result.test.warning:
        note(f"warning: {result.test.warning}")
    note(f"written: {shown(result.file)}, with export.json and use_it.py in the same folder")
