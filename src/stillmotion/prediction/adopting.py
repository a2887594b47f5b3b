"""Make a run of a model that was trained elsewhere, so that it is tested and compared like ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from stillmotion.clips import OpenedVideos
from stillmotion.data import Videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import as_path, atomic_write, folder_lock
from stillmotion.models.cards import ModelCard
from stillmotion.models.own_families import Kind, check_kind, find_kind
from stillmotion.prediction.black_boxes import AdaptedBlackBox
from stillmotion.prediction.clip_models import ClipModel, load_clip_model
from stillmotion.prediction.evaluating import predict_labeled
from stillmotion.runs import (
    ADOPTED,
    RECORD_FILE,
    DataRecord,
    Recipe,
    Run,
    RunRecord,
    TrainingRecord,
    versions,
    write_run,
)


def adopt_model(
    model: ClipModel | keras.Model | str | Path,
    out: str | Path,
    *,
    validation: Videos | OpenedVideos | str | Path | None = None,
    card: ModelCard | None = None,
    kind: Kind | None = None,
) -> Run:
    """Make a run of a model that was trained elsewhere, to test it and compare it beside others.

    The run's model takes what ours take, by what the card says. Whether it is a still or a motion model is found out: a
    motion model predicts something else for the frames of noise in another order, or cannot tell still pictures apart.

    Args:
        model: a Keras model or its file, or a model from `load_clip_model`.
        out: the run's folder.
        validation: labeled videos whose accuracy chooses among models of a kind, or their folder or table. If they are
            not given, the test videos choose among models that are compared with this one, and the verdict is corrected
            for that.
        card: how the model is fed; by default the card beside it.
        kind: "still" or "motion", where that cannot be found out.

    Returns:
        The run, which is still to be evaluated. It does not know what the model was trained on, and a verdict on it
        says so.

    Raises:
        UsageError: no such model, something that changes its answers and is not known, one whose outputs are not
            labels of which each video has one, or a kind that is wrong or cannot be found out.
        StillmotionError: the folder holds a run already, or cannot be written to.

    Examples:
        >>> card = sm.describe_model("model.keras", rate=8, labels=["left", "right"])
        >>> run = sm.adopt_model("model.keras", "runs/mine", card=card)
        >>> run = sm.evaluate(run, "test-clips/")
    """
    loaded = model if isinstance(model, ClipModel) else load_clip_model(model, card=card)
    described, name = loaded.described, _name(loaded)
    still = "still=" if _check(loaded, kind) == "still" else ""
    recipe = Recipe(f"{still}{re.sub(r'[^A-Za-z0-9]', '_', f'_{name}')}{ADOPTED}", spec=loaded.spec)
    order = np.argsort(loaded.labels)
    labels = tuple(loaded.labels[place] for place in order)
    folder = as_path(out, "the run's folder")
    with folder_lock(folder):
        if (folder / RECORD_FILE).exists():
            raise StillmotionError(f"{folder}: holds a run; choose another folder")
        # Ours have their labels in this order, and only predictions with the same labels are compared.
        sorted_outputs = keras.ops.take(loaded.model.outputs[0], order, axis=-1)
        with atomic_write(folder / "model.keras") as part:
            keras.Model(loaded.model.inputs, sorted_outputs, name="adopted").save(part)
        accuracy, loss = _validate(loaded, validation)
        data = DataRecord("", described.card.digest if described else "", ())
        made_by = versions(keras.backend.backend(), keras.__version__)
        return write_run(
            Run(folder, RunRecord(recipe, labels, data, made_by, TrainingRecord(0, 0, 0.0, loss, accuracy)))
        )


def check_adoptable(model: str | Path, labels: Sequence[str]) -> None:
    """Check that a model can be compared on a data set, before anything is trained.

    Args:
        model: its file, with its card beside it.
        labels: those of the data set.

    Raises:
        UsageError: see `adopt_model`; or it has other labels.
        StillmotionError: see `load_clip_model`.
    """
    loaded = load_clip_model(model)
    _check(loaded, None)
    if set(loaded.labels) != set(labels):
        raise UsageError(f"{model}: has the labels {sorted(loaded.labels)}; the videos have {sorted(labels)}")


def _check(model: ClipModel, kind: Kind | None) -> Kind:
    """The kind of a model that is one of those that are compared. Raises UsageError."""
    if isinstance(model.model, AdaptedBlackBox) or model.outputs in ("regression", "independent sigmoids"):
        raise UsageError(f"{model.model.name}: only Keras models of labels of which each video has one are compared")
    return check_kind(_name(model), find_kind(model.model) if model.frames > 1 else "still", kind)


def _name(model: ClipModel) -> str:
    return model.described.file.stem if model.described else str(model.model.name)


def _validate(
    model: ClipModel, validation: Videos | OpenedVideos | str | Path | None
) -> tuple[float | None, float | None]:
    """Accuracy and loss on the validation part; None if there is none."""
    if validation is None:
        return None, None
    predictions, _ = predict_labeled(model, validation)
    right = [model.labels.index(one.video.label or "") for one in predictions]
    of_right = np.array([one.probabilities[place] for one, place in zip(predictions, right, strict=True)])
    accuracy = np.mean([one.label == one.video.label for one in predictions])
    return float(accuracy), float(-np.log(np.maximum(of_right, 1e-7)).mean())
