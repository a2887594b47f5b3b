"""Is the model itself consistent? Keras has silent faults; each check tells one, with the layer's name and the cure."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stillmotion.audit.attribution import distance
from stillmotion.audit.audited_model import AuditedModel, Floats, all_layers
from stillmotion.audit.records import ROUNDING, Check

ROUNDING_16 = 2e-2  # the same, computed in 16 bits


def check_model(subject: AuditedModel, clips: Floats) -> tuple[Check, ...]:
    """All checks; clips: 4 inputs or more as the model is fed them, `(n, [time,] height, width, 3)`.

    The model's answers must not change by how it is asked: the largest difference of probability is each figure.
    """
    checks: list[Callable[[AuditedModel, Floats], Iterator[Check]]] = [
        _frames_count, _twice, _batches, _calls, _evaluating, _training_mode, _saving, _precision
    ]  # fmt: skip
    if subject.fixed:
        clips = np.resize(clips, (subject.fixed, *clips.shape[1:]))
    return tuple(found for check in checks for found in check(subject, clips))


def numeric_noise(checks: tuple[Check, ...]) -> float:
    """The largest of the differences that passed as rounding."""
    return max((check.figure for check in checks if check.passed and check.figure <= ROUNDING_16), default=0.0)


def _ask(subject: AuditedModel, clips: Floats) -> Floats:
    return subject.probabilities(subject.ask(clips))


def rounding(subject: AuditedModel) -> float:
    """Differences of probability up to this are rounding: more where the model computes in 16 bits."""
    short = any("16" in layer.dtype_policy.compute_dtype for layer in all_layers(subject.model))
    return ROUNDING_16 if short else ROUNDING


def _far(one: Floats, other: Floats) -> float:
    return max(distance(a, b) for a, b in zip(one, other, strict=True))


def _frames_count(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    if subject.kind != "clip":
        return
    two = clips[:2]
    plain, deaf = _ask(subject, two), []
    other = np.roll(two, 1, axis=2)[:, :, ::-1]
    for frame in range(subject.frames):
        changed = two.copy()
        changed[:, frame] = other[:, frame]
        if _far(plain, _ask(subject, changed)) == 0:
            deaf.append(frame)
    unknown = [name for name, time in time_distributed(subject.model) if time is None]
    which = f" ({', '.join(unknown)})" if unknown else ""
    cure = (
        f"TimeDistributed{which} with an unknown number of frames uses the first frames only, as many as the batch has "
        f"clips: give the input its frames, keras.Input(({subject.frames}, {subject.height}, {subject.width}, 3)), and "
        "load the same weights"
    )
    yield Check(
        "every frame counts in predict",
        not deaf,
        float(len(deaf)),
        "" if not deaf else cure if unknown else f"frames {deaf} change nothing: is the model meant to leave them out?",
    )
    traced = _with_unknown_time(subject, two)
    if traced is not None:
        far = _far(plain, traced)
        yield Check(
            "the same answer where the number of frames is unknown, as in fit on tf.data and export",
            far <= rounding(subject),
            far,
            "" if far <= rounding(subject) else cure,
        )


def _with_unknown_time(subject: AuditedModel, clips: Floats) -> Floats | None:
    """Answers of the model traced for any number of frames; None where the model or the backend knows it always."""
    if keras.backend.backend() != "tensorflow" or subject.model.input_shape[1] is not None:
        return None
    import tensorflow as tf

    given = tf.TensorSpec((None, None, *clips.shape[2:]), tf.float32)
    return subject.probabilities(
        tf.function(lambda x: subject.model(x, training=False), input_signature=[given])(tf.constant(clips))
    )


def time_distributed(model: keras.Model) -> list[tuple[str, int | None]]:
    """The model's TimeDistributed layers, each with the number of frames that it knows."""
    found: list[tuple[str, int | None]] = []
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.TimeDistributed):
            try:
                found.append((layer.name, layer.input.shape[1]))
            except (AttributeError, ValueError):
                found.append((layer.name, None))
    return found


def _twice(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    first = _ask(subject, clips)
    again = [subject.probabilities(subject.model.predict_on_batch(clips)) for _ in range(2)]  # without a reset
    far = max(_far(first, answer) for answer in again)
    stateful = [layer.name for layer in subject.stateful]
    cure = (
        f"layer {', '.join(stateful)} keeps its state: call layer.reset_state() before each clip, or build it with "
        "stateful=False and load the same weights"
        if stateful
        else _stuck(subject)
        or "the model draws random numbers when it predicts: find the layer and give training=False"
    )
    yield Check("the same answer twice", far <= rounding(subject), far, "" if far <= rounding(subject) else cure)


def _batches(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    together = _ask(subject, clips)
    alone = np.concatenate([_ask(subject, clips[index : index + 1]) for index in range(len(clips))])
    far = _far(together, alone)
    cure = _stuck(subject) or (
        "answers depend on the other clips of the batch: a layer normalises over the batch (BatchNormalization called "
        "with training=True), or folds batch and time wrongly"
    )
    yield Check(
        "the same answer alone and in a batch", far <= rounding(subject), far, "" if far <= rounding(subject) else cure
    )


def _calls(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    asked = _ask(subject, clips)
    subject.reset()
    predicted = subject.probabilities(subject.model.predict(clips, batch_size=len(clips), verbose=0))
    subject.reset()
    called = subject.probabilities(subject.model(keras.ops.convert_to_tensor(clips), training=False))
    subject.reset()
    plainly = subject.probabilities(subject.model(keras.ops.convert_to_tensor(clips)))
    far, stuck = max(_far(asked, predicted), _far(asked, called)), _far(asked, plainly)
    allowed = rounding(subject)
    cure = "predict, predict_on_batch and model(x) disagree: use one of them everywhere; see the other checks first"
    yield Check("predict, predict_on_batch and call agree", far <= allowed, far, "" if far <= allowed else cure)
    cure = _stuck(subject) or "call model(x, training=False)"
    cure = f"model(x) and predict disagree: a layer is held in training mode; {cure}"
    name = "model(x) without training=False agrees too"
    yield Check(name, stuck <= allowed, stuck, "" if stuck <= allowed else cure)


def _evaluating(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    """`evaluate` is given predict's own outputs as the truth: its mean squared error must be 0."""
    wanted = np.asarray(subject.ask(clips), np.float32)
    subject.reset()
    try:
        subject.model.compile(loss="mse")
        off = float(subject.model.evaluate(clips, wanted, batch_size=len(clips), verbose=0))
        far = float(np.sqrt(max(off, 0.0))) / max(1.0, float(np.abs(wanted).max()))
        cure = "evaluate sees other inputs or another mode than predict: measure accuracy from predict's answers"
    except Exception as error:  # a model's own test_step
        told = " ".join(str(error).split())[:120]
        far, cure = 1.0, f"evaluate fails ({told}): measure accuracy from predict's answers"
    yield Check("evaluate agrees with predict", far <= rounding(subject), far, "" if far <= rounding(subject) else cure)


def _training_mode(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    config = _configuration(subject)
    if config is not None:  # of other models, "model(x) without training=False agrees too" tells
        stuck = _stuck(subject)
        yield Check("no layer is held in training mode", not stuck, float(bool(stuck)), stuck)


def _configuration(subject: AuditedModel) -> Any:
    """How the model was built; None of a class of its own that does not say."""
    try:
        return subject.model.get_config()
    except (NotImplementedError, TypeError, ValueError):  # Keras tries the class's own code
        return None


def _stuck(subject: AuditedModel) -> str:
    """Layers that were called with training=True when the model was built, as the saved configuration says."""
    names: list[str] = []

    def look(config: Any) -> None:
        if isinstance(config, dict):
            for node in config.get("inbound_nodes", None) or ():
                if isinstance(node, dict) and node.get("kwargs", {}).get("training") is True:
                    names.append(str(config.get("name") or config.get("config", {}).get("name")))
            for value in config.values():
                look(value)
        elif isinstance(config, (list, tuple)):
            for value in config:
                look(value)

    look(_configuration(subject))
    if not names:
        return ""
    which = ", ".join(dict.fromkeys(names))
    return f"{which}: called with training=True; build the model again without it and load the weights"


def _saving(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    if subject.file.is_dir() and not (subject.file / "run.json").is_file():
        return  # TFSMLayer's models do not travel
    asked = _ask(subject, clips)
    with tempfile.TemporaryDirectory() as folder:
        try:
            subject.model.save(Path(folder) / "again.keras")
            again = keras.saving.load_model(
                Path(folder) / "again.keras", custom_objects=subject.custom, compile=False, safe_mode=not subject.unsafe
            )
            far = _far(asked, subject.probabilities(again.predict_on_batch(clips)))
            cure = "weights are lost when saved: a layer makes variables that it does not track"
        except Exception as error:  # a custom layer's own code
            far, cure = 1.0, f"cannot be saved and loaded ({' '.join(str(error).split())[:120]})"
    yield Check(
        "the same answer after save and load", far <= rounding(subject), far, "" if far <= rounding(subject) else cure
    )


def _precision(subject: AuditedModel, clips: Floats) -> Iterator[Check]:
    policy = next(
        (
            layer.dtype_policy.name
            for layer in all_layers(subject.model)
            if layer.dtype_policy.compute_dtype not in ("float32", "uint8")
        ),
        None,
    )
    if policy is None:
        return
    try:
        config = json.loads(json.dumps(subject.model.get_config()).replace(policy, "float32"))
        exact = type(subject.model).from_config(config, custom_objects=subject.custom)
        exact.set_weights([np.asarray(weight, np.float32) for weight in subject.model.get_weights()])
    except Exception:  # a model that cannot be built again is judged by the other checks
        return
    far = _far(_ask(subject, clips), subject.probabilities(exact.predict_on_batch(clips)))
    cure = f"{policy} moves answers: predict in float32, or round the model's output later"
    yield Check(
        f"the same answer in float32 as in {policy}",
        far <= rounding(subject),
        far,
        "" if far <= rounding(subject) else cure,
    )
