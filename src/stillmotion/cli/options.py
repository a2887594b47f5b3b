"""Arguments and options that several commands share, and how their text is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stillmotion.clips import Rate
from stillmotion.clips.spec import MAX_RATE, MIN_SIDE
from stillmotion.data.segment_columns import parse_time
from stillmotion.data.splitting import check_fractions
from stillmotion.errors import UsageError
from stillmotion.experiments.choices import Metric, Preset
from stillmotion.files import is_address
from stillmotion.models import FAMILIES, check_backbone, find_family

MAX_SIDE = 4096  # pixels


def read_path(text: str) -> Path:
    """A path. An empty one, as from a shell variable that is not set, is refused. Raises UsageError."""
    if not text.strip():
        raise UsageError("a path is empty; give the name of a file or folder")
    return Path(text)


def read_path_or_address(text: str) -> Path | str:
    """A path, or the address of a file or folder in object storage, which stays a text. Raises UsageError."""
    return text if is_address(text) else read_path(text)


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        parser=read_path,
        help="A folder with one folder per label, or a CSV or Parquet table with columns path and label, "
        "and optionally group and split.",
        show_default=False,
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="Regular expression that finds the group (the recording a video was cut from) in the video's path.",
        show_default=False,
    ),
]
FrameRate = Annotated[
    float | None,
    typer.Option(
        "--frame-rate",
        metavar="FPS",
        help="Frames per second of videos that are folders of numbered pictures; 0 if each picture is its own.",
        show_default=False,
        min=0,
    ),
]
Split = Annotated[str, typer.Option(metavar="A,B,C", help="Shares of the train, validation and test parts.")]
Frames = Annotated[int | None, typer.Option(help="Frames per clip.", show_default="16", min=1)]
RateText = Annotated[
    str,
    typer.Option(
        "--rate",
        metavar="auto|spread|FPS",
        help="Clip rate in frames per second; 'spread' spaces the frames over each whole video; "
        "'auto' chooses by the videos' durations.",
    ),
]
SizeText = Annotated[
    str, typer.Option("--size", metavar="PIXELS|HxW", help="Frame size: one side for squares, or height x width.")
]
PresetChoice = Annotated[
    Preset, typer.Option(help="Architectures: ours, or the small ones of common tutorials ('classic').")
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="rgb|difference|both",
        help="What motion families see: frames, frame differences or both.",
        show_default="both",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        help="Maximum number of epochs; `--finetune` adds 6.", show_default="20 to 60, by the number of clips", min=1
    ),
]
Margin = Annotated[
    float, typer.Option(help="Smallest gain in accuracy that is worth motion; 0.05 is 5 points.", min=0, max=0.99)
]
MetricChoice = Annotated[
    Metric,
    typer.Option(help="What models are compared by: accuracy, or balanced accuracy, which counts all labels alike."),
]
Sequential = Annotated[
    bool,
    typer.Option(
        "--sequential", help="A wider interval that holds at every look, if you add recordings and compare again."
    ),
]
Seed = Annotated[int, typer.Option(help="Random seed, for the split and for training.", min=0)]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip",
        help="Mirror half of the training clips, for models that are trained on pixels. Do not use it if left and "
        "right matter.",
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace files that are there already.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Delete trainings with other settings in the folder.")]
Tensorboard = Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard logs into the run.")]
Precision = Annotated[
    str,
    typer.Option(metavar="POLICY", help="Keras dtype policy: float32, mixed_bfloat16 or mixed_float16."),
]

ModelPath = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A run's folder, .keras, .h5, .json with weights, .onnx, .tflite or a SavedModel folder.",
        show_default=False,
    ),
]
Snapshots = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder of pictures: such as the model was trained on, in one folder per label.",
        show_default=False,
    ),
]


def read_threshold(text: str | None, option: str) -> float | dict[str, float] | None:
    """`0.6`, or `left=0.6,right=0.9` as a threshold for each label, or both. Raises UsageError.

    In `0.6,right=0.9`, the first number is for all other labels; its label is empty. See `spread_threshold`.
    """
    if text is None:
        return None
    try:
        if "=" not in text:
            return float(text)
        pairs = [part.rpartition("=") for part in text.split(",")]
        thresholds = {label.strip(): float(number) for label, _, number in pairs}
    except ValueError:
        raise UsageError(
            f"{option} {text!r}: expected a number like 0.6, one for each label like left=0.6,right=0.9, or both like "
            "0.6,right=0.9"
        ) from None
    if len(thresholds) < len(pairs):
        raise UsageError(f"{option} {text!r}: a label is given twice, or more than one number is without a label")
    return thresholds


def spread_threshold(
    threshold: float | dict[str, float] | None, labels: Sequence[str]
) -> float | dict[str, float] | None:
    """What `read_threshold` has read, with the number without a label for each label that has none of its own."""
    if not isinstance(threshold, dict) or "" not in threshold:
        return threshold
    given = dict(threshold)
    return {**dict.fromkeys(labels, given.pop("")), **given}


def read_time(text: str | None, option: str) -> float | None:
    """`90`, `1:30` or `0:01:30` in seconds. Raises UsageError."""
    if text is None:
        return None
    seconds = parse_time(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise UsageError(f"{option} {text!r}: expected seconds, or a time such as 0:02:35")
    return seconds


def read_names(text: str | None) -> list[str] | None:
    """`jam,calm` as names."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def read_split(text: str) -> tuple[float, ...]:
    """`0.7,0.15,0.15` as numbers. Raises UsageError."""
    try:
        fractions = tuple(float(part) for part in text.split(","))
        check_fractions(fractions)
    except (ValueError, UsageError):
        raise UsageError(
            f"--split {text!r}: expected three shares above 0 that add up to 1, like 0.7,0.15,0.15"
        ) from None
    return fractions


def read_rate(text: str) -> Rate | Literal["auto"]:
    """`auto`, `spread` or frames per second. Raises UsageError."""
    if text in ("auto", "spread"):
        return "auto" if text == "auto" else "spread"
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < MAX_RATE:
        raise UsageError(f"--rate {text!r}: expected auto, spread, or frames per second below {MAX_RATE}")
    return rate


def read_devices(text: str) -> int | Literal["all"]:
    """`all` or a number. Raises UsageError."""
    if text == "all":
        return "all"
    if not text.isdecimal() or not int(text):
        raise UsageError(f"--devices {text!r}: expected all, or a number from 1")
    return int(text)


def read_size(text: str) -> int | tuple[int, int]:
    """`64` or `48x64`, in pixels. Raises UsageError."""
    try:
        sides = [int(side) for side in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise UsageError(f"--size {text!r}: expected pixels like 64, or height x width like 48x64")
    if not MIN_SIDE <= min(sides) <= max(sides) <= MAX_SIDE:
        raise UsageError(f"--size {text!r}: each side must have {MIN_SIDE} to {MAX_SIDE} pixels")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def out_folder(help: str, *, show_default: str | bool) -> Any:
    """`--out FOLDER`, with what a command says about it."""
    return typer.Option("--out", metavar="FOLDER", help=help, show_default=show_default, parser=_read_folder)


def _read_folder(text: str) -> Path:
    """An empty name, as from a shell variable that is not set, is refused. Raises UsageError."""
    if not text.strip():
        raise UsageError("--out is empty; give the name of a folder")
    return Path(text)


def read_families(text: str) -> list[str]:
    """`frame_pool,conv3d` as names. Raises UsageError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        try:
            find_family(name)
        except UsageError as error:
            raise UsageError(f"--families: {error}") from None
    if not names:
        raise UsageError(f"--families is empty; choose from {', '.join(FAMILIES)}")
    return names


def read_backbones(text: str) -> list[str]:
    """`small,efficientnet-lite0` as names. Raises UsageError, and StillmotionError if one is not installed."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("--backbone is empty; give a name such as efficientnet-lite0")
    for name in names:
        check_backbone({"backbone": name})
    return names


def as_numbers(chosen: dict[str, str | bool]) -> dict[str, str | bool | int | float]:
    """Options of a function of the user's own: what looks like a number is one."""
    numbers: dict[str, str | bool | int | float] = {}
    for name, value in chosen.items():
        numbers[name] = value
        for convert in (float, int):
            with suppress(ValueError):
                numbers[name] = value if isinstance(value, bool) else convert(value)
    return numbers


def read_options(texts: list[str]) -> dict[str, str | bool]:
    """`rnn=lstm` and `bidirectional=false` as a family's options. Raises UsageError."""
    chosen: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--option {text!r}: expected NAME=VALUE, like rnn=lstm")
        if name.strip() in chosen:
            raise UsageError(f"--option {text!r}: {name.strip()} is given twice")
        chosen[name.strip()] = {"true": True, "false": False}.get(value.strip().lower(), value.strip())
    return chosen
