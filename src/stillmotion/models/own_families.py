"""Families of a user's own: functions that build a Keras model. Importing this module imports no backend."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from stillmotion.errors import UsageError
from stillmotion.models.custom_objects import import_user_module
from stillmotion.models.fingerprints import fingerprint, place_of

if TYPE_CHECKING:
    import keras

Kind = Literal["still", "motion"]
Builder = Callable[..., "keras.Model"]

# "package.module:function", after "still=" if its models look at frames without their order, and before "#" and the
# fingerprint of a function that was given itself.
_NAME = re.compile(r"(?:(still|motion)=)?([A-Za-z_][\w.]*:[A-Za-z_<][\w.<>]*)(?:#(\w+))?")
# How far outputs may differ for frames in another order if that does not count.
_SAME = 1e-5
_registered: dict[str, Builder] = {}


def register(build: Builder, kind: Kind) -> str:
    """Give a function a name by which `build_own` finds it in this process.

    Args:
        build: the function.
        kind: whether its models look at frames without their order.

    Returns:
        The name of the family, with a fingerprint: an edited function, or another of the same name, is another family.
        Other processes import the function by it.
    """
    place = f"{place_of(build)}#{fingerprint(build)}"
    _registered[place] = build
    return f"still={place}" if kind == "still" else place


def own_kind(name: str) -> Kind | None:
    """The kind of a family of a user's own, by its name; None for a name of another form."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return "still" if match[1] == "still" else "motion"


def build_own(
    name: str, *, frames: int, height: int, width: int, classes: int, options: Mapping[str, Any]
) -> keras.Model:
    """Build a model with a user's function, and check it.

    Args:
        name: of the family.
        frames: frames of a clip.
        height: of the frames, in pixels.
        width: likewise.
        classes: number of classes.
        options: further keyword arguments of the function.

    Returns:
        The model.

    Raises:
        UsageError: the function cannot be imported or called, or is not the one that was given; or its model takes or
            returns something else, or is of the other kind.
    """
    match = _NAME.fullmatch(name)
    assert match is not None  # see `own_kind`
    build = _registered.get(f"{match[2]}#{match[3]}") or _import(name, match[2], match[3])
    try:
        model = build(frames=frames, height=height, width=width, classes=classes, **options)
    except TypeError as error:
        raise UsageError(f"family {name}: build(frames, height, width, classes, **options) fails ({error})") from error
    _check(name, model, (frames, height, width, 3), classes)
    return model


def _import(name: str, place: str, given: str | None) -> Builder:
    """Import a function, and check that it is the one that was given. Raises UsageError."""
    module, _, function = place.partition(":")
    try:
        build: Builder = attrgetter(function)(import_user_module(module, "family"))
    except AttributeError as error:
        raise UsageError(f"family {name}: cannot be imported ({error})") from None
    if given is not None and fingerprint(build) != given:
        raise UsageError(f"family {name}: the function that its name imports is another one; make the recipe again")
    return build


def sees_order(model: Any) -> bool:
    """Whether what a model predicts depends on the order of the frames.

    Args:
        model: takes uint8 clips.
    """
    outputs, turned = _forward_and_back(model, model.input_shape[1:])
    return bool(abs(outputs - turned).max() > _SAME)


def _forward_and_back(model: Any, clip: tuple[int, ...]) -> tuple[Any, Any]:
    """The outputs for noise, and for the same with its frames reversed."""
    import keras
    import numpy as np

    clips = np.random.default_rng(0).integers(0, 256, (1, *clip)).astype("uint8")
    forward, back = (keras.ops.convert_to_numpy(model(shown, training=False)) for shown in (clips, clips[:, ::-1]))
    return forward, back


def _check(name: str, model: Any, clip: tuple[int, ...], classes: int) -> None:
    import keras
    import numpy as np

    if not isinstance(model, keras.Model):
        raise UsageError(f"family {name}: returned {type(model).__name__}, not a Keras model")
    if model.input_shape != (None, *clip) or model.output_shape != (None, classes):
        raise UsageError(
            f"family {name}: its model is from {model.input_shape} to {model.output_shape}; expected {(None, *clip)} "
            f"to {(None, classes)}"
        )
    outputs, turned = _forward_and_back(model, clip)
    if not (np.isfinite(outputs).all() and (outputs >= 0).all() and abs(outputs.sum(axis=-1) - 1).max() < 1e-2):
        raise UsageError(f"family {name}: its outputs are no probabilities; end with softmax, and scale 0..255 inside")
    ordered = abs(outputs - turned).max() > _SAME
    if ordered and own_kind(name) == "still":
        raise UsageError(f"family {name}: is called still, but what it predicts depends on the order of frames")
    if not ordered and own_kind(name) == "motion" and clip[0] > 1:
        raise UsageError(
            f"family {name}: what it predicts does not depend on the order of frames; call it still: still={name} "
            "(kind='still' in Python)"
        )
