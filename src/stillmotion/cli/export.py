"""stillmotion export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend, silent
from stillmotion.cli.console import note, out, shown


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
    labels: options.Labels = None,
    input_range: options.InputRange = None,
    channels: options.Channels = None,
    frames: options.ClipFrames = None,
    rate: options.ClipRate = None,
    size: options.ClipSize = None,
    framing: options.Framing = None,
    outputs: options.Outputs = None,
    inputs: options.Inputs = None,
    custom_objects: options.CustomObjects = None,
    unsafe: options.Unsafe = False,
    snapshots: options.Snapshots = None,
) -> None:
    """Export a model for another runtime, and check that it predicts the same. Includes an example script.

    Example: stillmotion export runs/cnn_rnn --format onnx --stream
    """
    from stillmotion.exporting import check_format

    check_format(format)
    facts = options.model_facts(
        model,
        input_range=input_range,
        channels=channels,
        frames=frames,
        rate=rate,
        size=size,
        framing=framing,
        labels=labels,
        outputs=outputs,
        inputs=inputs,
        custom_objects=custom_objects,
        unsafe=unsafe,
    )
    load_backend()
    from stillmotion.prediction import export_model

    with silent():
        result = export_model(model, format, out_folder, stream=stream, hop=hop, **facts, snapshots=snapshots)
    out.print(f"predictions differ by at most {result.max_difference:.1e}, in {result.windows} windows of noise")
    note(f"written: {shown(result.file)}, with export.json and use_it.py in the same folder")
