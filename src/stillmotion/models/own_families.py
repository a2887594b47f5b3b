"""Families of a user's own: functions that build a Keras model. Importing this module imports no backend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from stillmotion.errors import UsageError
from stillmotion.models.custom_objects import import_user_module
from stillmotion.models.fingerprints import fingerprint, place_of

if TYPE_CHECKING:
    import keras

Kind = Literal["still", "motion"]
Builder = Callable[..., "keras.Model"]

# "package.module:function" or "file.py:function", after "still=" if its models look at frames without their order, and
# before "#" and the fingerprint of a function that was given itself.
_NAME = re.compile(r"(?:(still|motion)=)?((?:[^=#]+\.py|[A-Za-z_][\w.]*):[A-Za-z_<][\w.<>]*)(?:#(\w+))?")
# How far outputs may differ for frames in another order if that does not count, and how far they must differ between
# clips to say something.
_SAME, _VARIED = 1e-5, 1e-4
_registered: dict[str, Builder] = {}


def register(build: Builder, kind: Kind | None) -> str:
    """Give a function a name by which `build_own` finds it in this process.

    Args:
        build: the function.
        kind: whether its models look at frames without their order; None for motion models, as long as they are found
            to be so.

    Returns:
        The name of the family, with a fingerprint: an edited function, or another of the same name, is another family.
        Other processes import the function by it.
    """
    place = f"{place_of(build)}#{fingerprint(build)}"
    _registered[place] = build
    return f"{kind}={place}" if kind else place


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
    module, _, function = place.rpartition(":")
    try:
        build: Builder = attrgetter(function)(import_user_module(module, "family"))
    except AttributeError as error:
        raise UsageError(f"family {name}: cannot be imported ({error})") from None
    if given is not None and fingerprint(build) != given:
        raise UsageError(f"family {name}: the function that its name imports is another one; make the recipe again")
    return build


def find_kind(model: Any) -> Kind | None:
    """Find out whether a model looks at the order of frames, from what it makes of noise.

    It does if the frames in another order give something else; or if it tells clips apart, but not still pictures, as
    a model of the differences of two frames, which are the same in both orders.

    Args:
        model: takes uint8 clips of several frames.

    Returns:
        The kind; None if its outputs hardly vary, which says nothing.
    """
    import keras
    import numpy as np

    rng = np.random.default_rng(0)
    frames, *size = model.input_shape[1:]
    orders = [np.arange(frames)[::-1], *(rng.permutation(frames) for _ in range(3))]
    of_clips, of_pictures = [], []
    for clip in _clips(frames, tuple(size), rng):
        shown = [clip, *(clip[order] for order in orders), *(np.repeat(clip[[at]], frames, 0) for at in (0, -1))]
        outputs = np.stack([keras.ops.convert_to_numpy(model(one[None], training=False))[0] for one in shown])
        if abs(outputs[1:-2] - outputs[0]).max() > _SAME:
            return "motion"
        of_clips.append(outputs[0])
        of_pictures += [*outputs[-2:]]
    if np.ptp(of_pictures, axis=0).max() > _VARIED:
        return "still"
    return "motion" if np.ptp([*of_clips, *of_pictures], axis=0).max() > _VARIED else None


def check_kind(name: str, found: Kind | None, said: Kind | None) -> Kind:
    """Decide a model's kind.

    Args:
        name: of the model, for the message.
        found: see `find_kind`.
        said: what the user says; None if nothing.

    Returns:
        The kind.

    Raises:
        UsageError: what is said is wrong; or nothing is said or found.
    """
    if said == "still" and found == "motion":
        raise UsageError(f"{name}: is called still, but what it predicts depends on the order of frames")
    if said == "motion" and found == "still":
        raise UsageError(
            f"{name}: what it predicts does not depend on the order of frames; call it still (kind='still' in Python)"
        )
    kind = said or found
    if kind is None:
        raise UsageError(
            f"{name}: its outputs for noise hardly vary, so its kind cannot be found out; give kind='still' or 'motion'"
        )
    return kind


def _clips(frames: int, size: tuple[int, ...], rng: Any) -> Iterator[Any]:
    """Noise of full and of low contrast, dark and bright; frames of one color each; frames that differ in one part."""
    for low, high in ((0, 256), (110, 146), (0, 32), (224, 256)):
        yield rng.integers(low, high, (frames, *size)).astype("uint8")
    yield rng.integers(0, 256, (frames, 1, 1, size[-1])).astype("uint8").repeat(size[0], 1).repeat(size[1], 2)
    alike = rng.integers(0, 256, (1, *size)).astype("uint8").repeat(frames, 0)
    alike[:, : size[0] // 2] = rng.integers(0, 256, (frames, size[0] // 2, *size[1:]))
    yield alike


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
    noise = np.random.default_rng(0).integers(0, 256, (1, *clip)).astype("uint8")
    outputs = keras.ops.convert_to_numpy(model(noise, training=False))
    if not (np.isfinite(outputs).all() and (outputs >= 0).all() and abs(outputs.sum(axis=-1) - 1).max() < 1e-2):
        raise UsageError(f"family {name}: its outputs are no probabilities; end with softmax, and scale 0..255 inside")
    if clip[0] > 1:
        found, match = find_kind(model), _NAME.fullmatch(name)
        said: Any = match and match[1]
        check_kind(f"family {name}", found, said or (found and "motion"))  # motion, unless something else is said
