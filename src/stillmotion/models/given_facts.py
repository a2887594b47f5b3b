"""What a user says of a model, checked before anything is loaded. Imports no backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from stillmotion.clips.spec import MAX_RATE, MIN_SIDE
from stillmotion.decoding import Framing
from stillmotion.errors import UsageError
from stillmotion.models.cards import Channels, ModelCard, Outputs, range_factors
from stillmotion.runs import Run

_RANGES = {"tf": "-1..1", "imagenet": "torch"}
_CHANNELS: Mapping[str, Channels] = {"rgb": "RGB", "bgr": "BGR", "gray": "gray", "grey": "gray"}


@dataclass(frozen=True, kw_only=True)
class GivenFacts:
    """What a user says of a model; see `describe_model`."""

    input_range: str | None = None
    channels: str | None = None
    frames: int | None = None
    rate: float | Literal["spread"] | None = None
    size: int | tuple[int, int] | None = None
    framing: Framing | None = None
    labels: str | Path | Sequence[str] | None = None
    outputs: str | None = None
    inputs: Mapping[str, str] | None = None
    custom_objects: str | Mapping[str, Any] | None = None
    unsafe: bool = False
    card: ModelCard | None = None

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


def refuse_snapshots(run: Run, snapshots: object) -> None:
    """Check that no snapshots are given to measure the facts of a run. Raises UsageError."""
    if snapshots is not None:
        raise UsageError(f"{run.folder}: a run is fed as it was trained; do not give `snapshots`")


def check_facts(facts: GivenFacts, run: Run | None = None, *, streamed: bool = False) -> GivenFacts:
    """Check what a user says of a model, before it is loaded.

    Args:
        facts: what is said.
        run: the run that the model is of, if it is of one. Nothing can be said of it but `unsafe`.
        streamed: whether it may be streamed. Where the clips of a run were spread over each video, its `rate` is given
            then.

    Returns:
        The facts, with range and channels as a card has them.

    Raises:
        UsageError: an impossible value, or one for a run.
    """
    if run is not None:
        allowed = {"unsafe", "rate"} if streamed and run.recipe.spec.rate == "spread" else {"unsafe"}
        given = [name for name, value in vars(facts).items() if value is not None and name not in allowed]
        if given:
            raise UsageError(
                f"{run.folder}: a run is fed as it was trained; do not give {', '.join(f'`{name}`' for name in given)}"
            )
    input_range, channels = facts.input_range, facts.channels
    if input_range is not None:
        input_range = _RANGES.get(input_range, input_range)
        range_factors(input_range)
    if channels is not None:
        if channels.lower() not in _CHANNELS:
            raise UsageError(f"channels {channels!r}: expected rgb, bgr or gray")
        channels = _CHANNELS[channels.lower()]
    if facts.framing is not None and facts.framing not in get_args(Framing):
        raise UsageError(f"framing {facts.framing!r}: expected {', '.join(get_args(Framing))}")
    if facts.outputs is not None and facts.outputs not in get_args(Outputs):
        raise UsageError(f"outputs {facts.outputs!r}: expected one of {', '.join(get_args(Outputs))}")
    if facts.rate not in (None, "spread") and not 0 < float(facts.rate or 0) < MAX_RATE:
        raise UsageError(f"the rate is {facts.rate:g}; expected frames per second above 0")
    if facts.sides is not None and min(facts.sides) < MIN_SIDE:
        raise UsageError(f"the size is {'x'.join(map(str, facts.sides))}; the smallest is {MIN_SIDE}x{MIN_SIDE}")
    return dataclasses.replace(facts, input_range=input_range, channels=channels)
