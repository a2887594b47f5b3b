"""stillmotion train"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, shown
from stillmotion.cli.dataset import open_data, read_labelled
from stillmotion.models import FAMILIES, check_options


def train(
    data: options.Data,
    family: Annotated[str, typer.Option(metavar="|".join(FAMILIES), help="The kind of model.")] = "frame_pool",
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="RUN",
            help="The run's folder.",
            show_default="FAMILY-run",
            parser=options.read_folder,
        ),
    ] = None,
    frames: options.Frames = None,
    rate: options.RateText = "auto",
    size: options.SizeText = "64",
    epochs: options.Epochs = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="NAME=VALUE",
            help="A family's own option, such as rnn=lstm, pool=max.",
            show_default=False,
        ),
    ] = None,
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="rgb|difference|both", help="What a motion family sees.", show_default=False),
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its peak.", show_default="0.003")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Clips a step.", show_default="16", min=1)] = None,
    precision: options.Precision = "float32",
    flip: options.Flip = False,
    group: options.Group = None,
    split: options.Split = "0.7,0.15,0.15",
    seed: options.Seed = 0,
    tensorboard: options.Tensorboard = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Train one model and test it; the run's folder holds model.keras and all that made it.

    Interrupted, the same command goes on from the last epoch.

    Example: stillmotion train clips/ --family cnn_rnn --out runs/cnn_rnn
    """
    from stillmotion.files import check_folder

    chosen = options.read_options(option or [])
    if input_ is not None:
        chosen["input"] = input_
    pixels, classic = options.read_size(size)
    chosen = check_options(family, {**chosen, **classic})
    options.check_precision(precision)
    fractions, fps = options.read_split(split), options.read_rate(rate)
    count = frames or (10 if classic else 16)
    videos = read_labelled(data, group=group)
    folder = out_folder or Path(f"{family}-run")
    check_folder(folder)
    opened = open_data(videos, fractions=fractions, seed=seed, rate=fps, frames=count)
    load_backend()
    import stillmotion as sm

    settings = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size}
    with bar(family) as progress:
        run = sm.train(
            family,
            opened.train,
            opened.validation,
            out=folder,
            spec=sm.ClipSpec(count, opened.rate, pixels),
            augment=sm.Augment(flip=flip),
            seed=seed,
            precision=precision,
            overwrite=overwrite,
            tensorboard=tensorboard,
            progress=progress,
            **chosen,
            **{name: value for name, value in settings.items() if value is not None},
        )
        run = sm.evaluate(run, opened.test, progress=progress)
    figures = sm.compute_metrics([sm.read_predictions(run.predictions_file)])
    training = dataclasses.asdict(run.record.training) if run.record.training else {}
    note(f"trained {training['epochs']} epochs in {training['seconds']:.0f} s, best epoch {training['best_epoch']}")
    out.print(
        f"{family}: test accuracy {figures.accuracy.value:.1%} "
        f"({figures.accuracy.low:.1%} to {figures.accuracy.high:.1%}), model in {shown(run.folder)}",
        markup=False,
    )
