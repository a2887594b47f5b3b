"""stillmotion export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli.backend import load_backend, silent
from stillmotion.cli.console import note, out, shown


def export(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run's folder, or a Keras model's file.", show_default=False),
    ],
    format: Annotated[str, typer.Option(help="onnx, openvino, saved_model or litert.")] = "onnx",
    stream: Annotated[
        bool, typer.Option("--stream", help="A stream's step, with its state, instead of the whole model.")
    ] = False,
    hop: Annotated[int, typer.Option(help="New frames that a stream's step takes.", min=1)] = 1,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where it goes.", show_default="exports/ in the run's folder"),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Of a Keras model that is no run.", show_default=False)
    ] = None,
) -> None:
    """Write a model for another runtime, tried against the model, with an example that runs it without stillmotion.

    Example: stillmotion export runs/cnn_rnn --format onnx --stream
    """
    from stillmotion.exporting import check_format

    check_format(format)
    load_backend()
    from stillmotion.prediction.exporting import export_model

    with silent():
        made = export_model(
            run, format, out_folder, stream=stream, hop=hop, labels=labels.split(",") if labels else None
        )
    out.print(f"answers differ by {made.off_by:.1e} at most, in {made.windows} windows of noise")
    note(f"written: {shown(made.file)}, with export.json and use_it.py beside it")
