"""Arguments and options that several commands share, and how their text is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stillmotion.clips import ClipSpec, Rate
from stillmotion.data.splitting import check_fractions
from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES

FASTEST, SMALLEST, LARGEST = 1000, 16, 4096  # frames a second; pixels of a side

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A folder with a folder for each label, or a CSV or Parquet table with path,label and maybe group,split.",
        show_default=False,
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="What this matches in a video's path names the recording that it was cut from.",
        show_default=False,
    ),
]
Split = Annotated[str, typer.Option(metavar="A,B,C", help="Shares of the train, validation and test parts.")]
Frames = Annotated[int | None, typer.Option(help="Frames of a clip.", show_default="16", min=1)]
RateText = Annotated[
    str,
    typer.Option(
        "--rate",
        metavar="auto|spread|FPS",
        help="Frames a second of a clip; 'spread' over each whole video; 'auto' looks at how long they last.",
    ),
]
SizeText = Annotated[
    str,
    typer.Option(
        "--size",
        metavar="PIXELS|HxW|classic",
        help="Side of a clip's pictures, or height x width; 'classic' trains the tutorials' small architectures.",
    ),
]
Epochs = Annotated[int | None, typer.Option(help="At most so many.", show_default="90", min=1)]
Seed = Annotated[int, typer.Option(help="Of the split and of the training.", min=0)]
Flip = Annotated[bool, typer.Option("--flip", help="Mirror half of the training clips. It turns left into right.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Delete another training that is there.")]
Tensorboard = Annotated[bool, typer.Option("--tensorboard", help="Write logs for TensorBoard into each run.")]
Precision = Annotated[str, typer.Option(metavar="POLICY", help="float32, mixed_bfloat16 or mixed_float16 (on a GPU).")]


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


def read_rate(text: str) -> Rate | None:
    """The rate, or None for `auto`. Raises UsageError."""
    if text in ("auto", "spread"):
        return None if text == "auto" else "spread"
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= FASTEST:
        raise UsageError(f"--rate {text!r}: expected auto, spread, or frames a second, above 0 and at most {FASTEST}")
    return rate


def read_size(text: str) -> tuple[int | tuple[int, int], dict[str, Any]]:
    """The size of pictures, and the options that it brings. Raises UsageError."""
    if text == "classic":
        return 64, {"size": "classic"}
    try:
        sides = [int(side) for side in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise UsageError(f"--size {text!r}: expected pixels like 64, height x width like 48x64, or classic")
    if not SMALLEST <= min(sides) <= max(sides) <= LARGEST:
        raise UsageError(f"--size {text!r}: a side has {SMALLEST} to {LARGEST} pixels")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1]), {}


def read_folder(text: str) -> Path:
    """The folder of `--out`: an empty name, as of a variable that is not set, is none. Raises UsageError."""
    if not text.strip():
        raise UsageError("--out is empty; give the name of a folder")
    return Path(text)


def read_families(text: str) -> list[str]:
    """`frame_pool,conv3d` as names. Raises UsageError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in FAMILIES:
            raise UsageError(f"--families: no family {name!r}; there are {', '.join(FAMILIES)}")
    if not names:
        raise UsageError(f"--families names none; there are {', '.join(FAMILIES)}")
    return names


def make_spec(frames: int | None, rate: Rate, size: int | tuple[int, int], classic: bool) -> ClipSpec:
    """The clip spec of the options given; the classic architectures are customarily shown 10 frames."""
    return ClipSpec(frames or (10 if classic else 16), rate, size)


def read_options(texts: list[str]) -> dict[str, str | bool]:
    """`rnn=lstm` and `bidirectional=false` as a family's options. Raises UsageError."""
    chosen: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--option {text!r}: expected NAME=VALUE, like rnn=lstm")
        chosen[name.strip()] = {"true": True, "false": False}.get(value.strip().lower(), value.strip())
    return chosen


def check_precision(precision: str) -> None:
    """Raises UsageError for what is no policy."""
    if precision not in ("float32", "mixed_bfloat16", "mixed_float16"):
        raise UsageError(f"--precision {precision!r}: expected float32, mixed_bfloat16 or mixed_float16")
