"""The options that say how a model is fed. Each command that loads a model takes them all."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from stillmotion.cli.console import note
from stillmotion.cli.options import read_size
from stillmotion.clips import Rate
from stillmotion.errors import UsageError

Facts = dict[str, Any]  # arguments of the library's functions, such as `describe_model`
Command = Callable[..., None]


def takes_facts(*, without: str = "") -> Callable[[Command], Command]:
    """Give a command the options of `_facts`, but for one perhaps; its parameter `facts` gets what they say."""
    options = {name: option for name, option in _parameters(_facts).items() if name != without}

    def decorate(command: Command) -> Command:
        parameters: list[inspect.Parameter] = []
        for name, parameter in _parameters(command).items():
            parameters += options.values() if name == "facts" else [parameter]

        @functools.wraps(command)
        def with_options(*args: Any, **given: Any) -> None:
            facts = {name: given.pop(name, option.default) for name, option in options.items()}
            command(*args, facts=facts, **given)

        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function, eval_str=True).parameters)


def check_model(model: Path, facts: Facts, *, streamed: bool = False) -> None:
    """Check what can be checked before a backend loads, and say what `--unsafe` means. Raises UsageError."""
    from stillmotion.models.cards import find_run  # Imported here so that help stays fast.
    from stillmotion.models.given_facts import GivenFacts, check_facts

    check_facts(GivenFacts(**facts), find_run(model), streamed=streamed)
    note_unsafe(model, facts)


def note_unsafe(model: Path, facts: Facts) -> None:
    """Say what `--unsafe` means, if it is given."""
    if facts["unsafe"]:
        note(f"--unsafe: code inside {model} may run, and can do anything that you can")


def read_clip_rate(text: str) -> Rate:
    """`spread` or frames per second. Raises UsageError."""
    try:
        return "spread" if text == "spread" else float(text)
    except ValueError:
        raise UsageError(f"--rate {text!r}: expected spread, or frames per second") from None


def read_inputs(text: str) -> dict[str, str]:
    """`rgb=frames,motion=difference` by name. Raises UsageError."""
    pairs = [part.rpartition("=") for part in text.split(",")]
    if not all(name and equals and role for name, equals, role in pairs):
        raise UsageError(f"--inputs {text!r}: expected NAME=ROLE for each input, like rgb=frames,motion=difference")
    return {name.strip(): role.strip() for name, _, role in pairs}


def _facts(
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES|FILE",
            help="Class names in output order: comma-separated, or a text or JSON file. A run has its own.",
            show_default="from the model's card or labels.txt",
        ),
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(
            "--input-range",
            metavar="RANGE",
            help="Range of the numbers that the model is fed: 0..255, 0..1, -1..1, any LOW..HIGH, or tf, torch and "
            "caffe.",
            show_default="read from the model",
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="rgb|bgr|gray",
            help="Channels that the model is fed.",
            show_default="read from the model, if it says",
        ),
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Frames per clip.", show_default="the model's", min=1)] = None,
    rate: Annotated[
        Any,
        typer.Option(
            metavar="spread|FPS",
            parser=read_clip_rate,
            help="Clip rate in frames per second; 'spread' spaces the frames over each whole video.",
            show_default="the run's",
        ),
    ] = None,
    size: Annotated[
        Any,
        typer.Option(
            metavar="PIXELS|HxW",
            parser=read_size,
            help="Frame size: one side for squares, or height x width.",
            show_default="the model's",
        ),
    ] = None,
    framing: Annotated[
        str | None,
        typer.Option(
            metavar="stretch|crop|letterbox",
            help="How frames of another aspect ratio get the size: stretched, cropped at the center, or padded with "
            "black.",
            show_default="stretch, unless the model's card says otherwise",
        ),
    ] = None,
    outputs: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="What the outputs are: softmax, logits, 'one sigmoid', 'one logit', 'independent sigmoids', "
            "'independent logits' or regression.",
            show_default="read from the model",
        ),
    ] = None,
    inputs: Annotated[
        Any,
        typer.Option(
            metavar="NAME=ROLE,...",
            parser=read_inputs,
            help="What each of several inputs is given: frames, difference or mask.",
            show_default=False,
        ),
    ] = None,
    custom_objects: Annotated[
        str | None,
        typer.Option(
            "--custom-objects",
            metavar="MODULE",
            help="Python module or file that defines the model's custom layers.",
            show_default=False,
        ),
    ] = None,
    unsafe: Annotated[
        bool,
        typer.Option(
            "--unsafe",
            help="Run code inside the model's file (Lambda layers, SavedModel). It can do anything that you can.",
        ),
    ] = False,
) -> None:
    """The options."""
