"""Model cards: how a model is fed and what it returns, and for each fact how it is known. Imports no backend."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator

from stillmotion.decoding import Framing
from stillmotion.errors import UsageError
from stillmotion.runs import Run, read_run

FORMAT = 1

Kind = Literal["image", "clip", "several inputs", "other"]
Channels = Literal["RGB", "BGR", "gray"]
Outputs = Literal[
    "softmax", "logits", "one sigmoid", "one logit", "independent sigmoids", "independent logits", "regression"
]
Source = Literal["given", "read", "measured", "assumed", "unknown"]
Value = TypeVar("Value")
Floats = NDArray[np.float64]

# By name, in the order in which they are tried: factor and offset of levels of 0 to 255, for each channel in the order
# in which the model gets them. The last two are modes of `keras.applications.imagenet_utils.preprocess_input`.
_IMAGENET_MEAN, _IMAGENET_DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
INPUT_RANGES: Mapping[str, tuple[Floats, Floats]] = {
    "0..255": (np.ones(3), np.zeros(3)),
    "0..1": (np.full(3, 1 / 255), np.zeros(3)),
    "-1..1": (np.full(3, 1 / 127.5), np.full(3, -1.0)),
    "torch": (1 / (255 * _IMAGENET_DEVIATION), -_IMAGENET_MEAN / _IMAGENET_DEVIATION),
    "caffe": (np.ones(3), -np.array([103.939, 116.779, 123.68])),
}
ROLES = ("frames", "difference", "mask")
_NUMBER = r"[+-]?\d+(?:\.\d+)?"


class Fact(BaseModel, Generic[Value]):
    """One thing that is known, or not, of a model.

    Attributes:
        value: what is known; None if it is unknown.
        source: "given" by the user, "read" from the model, "measured" with it, "assumed", or "unknown".
        evidence: where or how.
    """

    model_config = ConfigDict(frozen=True)

    value: Value | None = None
    source: Source = "unknown"
    evidence: str = ""


class InputCard(BaseModel):
    """One input of a model.

    Attributes:
        name: its name.
        shape: without the batch; None for an unknown size.
        dtype: its type.
        role: what it is given: "frames", "difference" (of each frame from the one before it), "mask" (which frames
            count: all), or "" as long as that is unknown.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    role: Literal["frames", "difference", "mask", ""] = ""


class ModelCard(BaseModel):
    """How a model is fed and what it returns.

    Attributes:
        model: the name of its file.
        digest: SHA-256 of its files, by which a card of another model is recognized.
        kind: whether it takes images, clips, several inputs, or something else.
        inputs: its inputs.
        frames: frames of a clip; 1 for an image.
        rate: frames per second of a clip, or "spread" for clips whose frames are spread over the whole video.
        height: of the pictures, in pixels.
        width: likewise.
        channels: "RGB", "BGR" or "gray". A gray model of three channels gets the same values in each.
        input_range: the numbers that a picture consists of: a name in `INPUT_RANGES`, or "LOW..HIGH".
        framing: how a picture of another aspect ratio gets its size; see `ClipSpec`.
        axes: the order of the axes of an input: t, h, w and c for time, height, width and channels.
        labels: class names in the order of the outputs.
        outputs: what the outputs are.
        per_frame: whether there is an output for each frame.
        format: the version of the file's format.

    Examples:
        >>> card = sm.describe_model("model.keras")
        >>> card.channels.value, card.channels.source
        ('RGB', 'given')
        >>> card.missing
        ()
    """

    model_config = ConfigDict(frozen=True)

    model: str
    digest: str = ""
    kind: Kind
    inputs: tuple[InputCard, ...]
    frames: Fact[int] = Fact[int]()
    rate: Fact[float | Literal["spread"]] = Fact[float | Literal["spread"]]()
    height: Fact[int] = Fact[int]()
    width: Fact[int] = Fact[int]()
    channels: Fact[Channels] = Fact[Channels]()
    input_range: Fact[str] = Fact[str]()
    framing: Fact[Framing] = Fact[Framing](value="stretch", source="assumed", evidence="the default of Keras's loaders")
    axes: Fact[str] = Fact[str]()
    labels: Fact[tuple[str, ...]] = Fact[tuple[str, ...]]()
    outputs: Fact[Outputs] = Fact[Outputs]()
    per_frame: Fact[bool] = Fact[bool](value=False, source="read")
    format: int = FORMAT

    def __reduce__(self) -> tuple[Any, ...]:
        """Facts are of generic classes, such as `Fact[int]`, which cannot be pickled."""
        return ModelCard.model_validate, (self.model_dump(mode="json"),)

    @field_validator("framing", mode="before")
    @classmethod
    def _read_old_framing(cls, fact: Any) -> Any:
        """Cards of the first previews say the same in other words."""
        old = isinstance(fact, dict) and fact.get("value") == "stretched to the size"
        return {**fact, "value": "stretch"} if old else fact

    @property
    def facts(self) -> dict[str, Fact[Any]]:
        """The facts by name, in order."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: value for name, value in values if isinstance(value, Fact)}

    @property
    def size(self) -> tuple[int, int]:
        """Height and width; 0 where unknown."""
        return self.height.value or 0, self.width.value or 0

    @property
    def missing(self) -> tuple[str, ...]:
        """What must be given before the model can be fed: names of parameters."""
        wanted = {
            "input_range": self.input_range.value,
            "channels": self.channels.value,
            "frames": self.frames.value,
            "size": self.height.value and self.width.value,
            "outputs": self.outputs.value,
            "inputs": all(given.role for given in self.inputs),
        }
        return tuple(name for name, value in wanted.items() if not value)

    @property
    def missing_for_videos(self) -> tuple[str, ...]:
        """What must be given before the model can be fed from videos: also how far apart its frames are."""
        return (*self.missing, *(() if self.rate.value else ("rate",)))


def range_factors(input_range: str) -> tuple[Floats, Floats]:
    """Factor and offset that turn levels of 0 to 255 into the numbers of a range.

    Args:
        input_range: a name in `INPUT_RANGES`, or "LOW..HIGH".

    Returns:
        The factor and the offset, `(3,)` each, for the channels in the order in which the model gets them.

    Raises:
        UsageError: it is neither.
    """
    if input_range in INPUT_RANGES:
        return INPUT_RANGES[input_range]
    match = re.fullmatch(rf"({_NUMBER})\.\.({_NUMBER})", input_range)
    if match is None or float(match[1]) == float(match[2]):
        raise UsageError(
            f"input range {input_range!r}: expected {', '.join(INPUT_RANGES)}, tf, or two numbers like -0.5..0.5"
        )
    low, high = float(match[1]), float(match[2])
    return np.full(3, (high - low) / 255), np.full(3, low)


def find_run(path: Path) -> Run | None:
    """The run that a folder or file is of.

    Args:
        path: a run's folder, or a file in it.

    Returns:
        The run; None if it is no run.

    Raises:
        UsageError: there is no such folder.
        StillmotionError: it is a folder that is neither a run nor a model, or a run that cannot be used.
    """
    if path.name == "snapshot.keras" and (path.parent / "run.json").is_file():
        raise UsageError(f"{path}: takes single images, not clips; give the folder {path.parent} or its model.keras")
    folder = path.parent if path.is_file() else path
    if (folder / "run.json").is_file() and (folder == path or path.name == "model.keras"):
        return read_run(folder)
    if path.is_file() or (path / "saved_model.pb").is_file():
        return None
    if path.is_dir() or path.suffix == "":
        return read_run(path)  # says what is missing
    raise UsageError(f"{path}: no such model")


def find_axes(shape: Sequence[int | None]) -> str | None:
    """The order of the axes of a picture or clip, by where its channels are.

    Args:
        shape: without the batch.

    Returns:
        Such as "thwc"; None if it is neither.
    """
    orders = {3: ("hwc", "chw"), 4: ("thwc", "cthw", "tchw")}.get(len(shape), ())
    return next((axes for axes in orders if shape[axes.index("c")] in (1, 3)), None)


def count_labels(names: Sequence[str]) -> str:
    """How many labels there are, in words."""
    return f"{len(names)} label{'' if len(names) == 1 else 's'}"


def name_labels(labels: Sequence[str], outputs: Outputs | None, count: int) -> tuple[str, ...]:
    """Class names for a model's outputs.

    Args:
        labels: the names that were given.
        outputs: what the outputs are.
        count: how many there are.

    Returns:
        The names. One output that tells two classes apart has two; if only the one it stands for was given, the other
        is "not" that.

    Raises:
        UsageError: another number of names than of classes.
    """
    names = tuple(labels)
    binary = outputs in ("one sigmoid", "one logit")
    if binary and len(names) == 1:
        names = (f"not {names[0]}", names[0])
    classes = 2 if binary else count
    if len(names) != classes:
        raise UsageError(f"{count_labels(names)} for a model of {classes} {'classes' if binary else 'probabilities'}")
    return names
