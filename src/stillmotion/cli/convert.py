"""stillmotion convert"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend, silent
from stillmotion.cli.console import note, out, shown


def convert(
    model: options.ModelPath,
    new: Annotated[
        Path, typer.Argument(metavar="NEW", parser=options.read_path, help="The .keras file.", show_default=False)
    ],
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
    """Write an old model as a .keras file that Keras 3 loads, with its card, and check that both agree.

    Example: stillmotion convert old.h5 new.keras
    """
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
    from stillmotion.prediction import convert_model

    with silent():
        result = convert_model(model, new, facts=facts, snapshots=snapshots)
    old = "the model's as Keras 2 runs it" if result.compared_with == "Keras 2" else "the model's as it was loaded here"
    out.print(f"outputs differ by at most {result.max_difference:.1e} from {old}, for {result.inputs} inputs of noise")
    if result.is_old and result.compared_with != "Keras 2":
        note("Keras 2 did not take part: with the package tf_keras, a model without custom layers is compared with it")
    note(f"written: {shown(result.file)}, and its card: {shown(result.card_file)}")
