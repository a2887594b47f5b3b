"""stillmotion train"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, shown
from stillmotion.errors import UsageError
from stillmotion.files import check_folder
from stillmotion.models import FAMILIES, check_backbone, check_options


def train(
    data: options.Data,
    family: Annotated[
        str,
        typer.Option(
            metavar="|".join([*FAMILIES, "MODULE:FUNCTION"]),
            help="Model family to train, or your own: package.module:function.",
        ),
    ] = "frame_pool",
    out_folder: Annotated[Path | None, options.out_folder("Folder for the run.", show_default="FAMILY-run")] = None,
    frames: options.Frames = None,
    rate: options.RateText = "auto",
    size: Annotated[
        str | None,
        typer.Option(
            metavar="PIXELS|HxW",
            help="Frame size: one side for squares, or height x width.",
            show_default="64, or what the pretrained backbone is made for",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What turns frames into features: small, which is trained from nothing; efficientnet-lite0 or -lite2; "
            "a keras.applications or keras_hub: name; FILE.keras:LAYER or FILE.h5:LAYER.",
            show_default="small",
        ),
    ] = None,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Train the last stages of pretrained backbones, too.")
    ] = False,
    preset: options.PresetChoice = "standard",
    epochs: options.Epochs = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="NAME=VALUE",
            help="An option of the family, such as pool=max or head=transformer. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    input_: options.Input = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.", show_default="0.003")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Clips per training step.", show_default="16", min=1)] = None,
    precision: options.Precision = "float32",
    flip: options.Flip = False,
    group: options.Group = None,
    frame_rate: options.FrameRate = None,
    split: options.Split = "0.7,0.15,0.15",
    seed: options.Seed = 0,
    tensorboard: options.Tensorboard = False,
    overwrite: options.Overwrite = False,
    devices: Annotated[
        str,
        typer.Option(metavar="N|all", help="Devices that each batch is divided among, on JAX; see docs/scaling.md."),
    ] = "1",
) -> None:
    """Train one model and test it. The run's folder holds model.keras and everything that made it.

    If interrupted, run the same command again to resume from the last epoch.

    Example: stillmotion train clips/ --family cnn_rnn --out runs/cnn_rnn
    """
    from stillmotion.comparison import compute_metrics, read_predictions
    from stillmotion.experiments import default_run_folder, read_labeled, run_training

    options_: dict[str, Any] = dict(options.read_options(option or []))
    if "preset" in options_:
        raise UsageError(f"--option preset={options_['preset']}: use --preset {options_['preset']}")
    for name, value in (("input", input_), ("backbone", backbone)):
        if value is not None:
            if name in options_:
                raise UsageError(f"--option {name} and --{name} are both given; give one of the two")
            options_[name] = value
    known = FAMILIES[family].options if family in FAMILIES else {}
    unknown = sorted(options_.keys() - known.keys())
    if family in FAMILIES and unknown:
        raise UsageError(f"--option: {family} has no option {unknown[0]!r}; choose from {', '.join(known)}")
    check_options(family, options_)
    check_backbone(options_)
    devices_ = options.read_devices(devices)
    rate_, fractions = options.read_rate(rate), options.read_split(split)
    size_ = None if size is None else options.read_size(size)
    given = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size, "precision": precision}
    if family not in FAMILIES:
        options_ = {"options": options.as_numbers(options_)}
    settings: dict[str, Any] = options_ | {name: value for name, value in given.items() if value is not None}
    videos = read_labeled(data, group=group, frame_rate=frame_rate)
    folder = out_folder or default_run_folder(family)
    check_folder(folder)
    load_backend(devices=devices_)
    with bar() as progress:
        run = run_training(
            videos,
            family,
            out=folder,
            frames=frames,
            rate=rate_,
            size=size_,
            preset=preset,
            flip=flip,
            fractions=fractions,
            seed=seed,
            tensorboard=tensorboard,
            overwrite=overwrite,
            devices=devices_,
            progress=progress,
            finetune=finetune,
            **settings,
        )
    from stillmotion.training import find_devices  # which imports Keras

    if devices_ == "all" and not find_devices(devices_).first:
        return  # The first process tests the run, and says how it did.
    accuracy = compute_metrics([read_predictions(run.predictions_file)]).accuracy
    if run.record.training is not None:
        note(f"best epoch: {run.record.training.best_epoch} of {run.record.training.epochs}")
    out.print(
        f"{family}: test accuracy {accuracy.value:.1%} ({accuracy.low:.1%} to {accuracy.high:.1%}), "
        f"model in {shown(run.folder)}",
        markup=False,
    )
