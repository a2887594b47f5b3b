"""Load the model under audit, and find out what it takes and returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from stillmotion.audit.arguments import check_arguments
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.faults.scaling import LEVELS
from stillmotion.models.custom_objects import import_custom_objects
from stillmotion.data.class_names import read_class_names
from stillmotion.errors import StillmotionError
from stillmotion.models.inference import load_keras_model
from stillmotion.runs import read_run

# Of models that take any number of frames or any size.
DEFAULT_FRAMES, DEFAULT_SIDE = 16, 224


def load_audited_model(
    file: str | Path,
    *,
    labels: str | Path | Sequence[str] | None = None,
    input_range: str | None = None,
    channels: str = "rgb",
    custom_objects: str | Mapping[str, Any] | None = None,
    unsafe: bool = False,
) -> AuditedModel:
    """Load a model and find out what it takes.

    Args:
        file: a run's folder, .keras, .h5 or a SavedModel folder.
        labels: class names in output order; see `read_class_names`.
        input_range: the range of numbers that the model is given, a name in `SCALINGS`; None to find out.
        channels: "rgb" or "bgr".
        custom_objects: custom layers and functions by name, or the module that defines them.
        unsafe: whether code inside the file may run.

    Returns:
        The model.

    Raises:
        UsageError: a wrong argument.
        StillmotionError: the model cannot be loaded, or takes neither images nor clips.
    """
    path = Path(file)
    check_arguments(path, input_range=input_range, channels=channels)
    names: tuple[str, ...] | None = None
    names_source = "labels"
    model_file = path
    folder = path.parent if path.name in ("model.keras", "snapshot.keras") else path
    if (folder / "run.json").is_file():
        run = read_run(folder)
        names, names_source = run.labels, str(folder / "run.json")
        model_file = path if path.is_file() else run.model_file
        input_range = input_range or LEVELS
    if labels is not None:
        names = read_class_names(labels)
        names_source = f"labels {labels}" if isinstance(labels, str | Path) else "labels"
    objects = import_custom_objects(custom_objects) if isinstance(custom_objects, str) else dict(custom_objects or {})
    model = load_keras_model(model_file, custom_objects=objects, unsafe=unsafe)
    kind, frames, height, width = _read_input_shape(path, model)
    classes, single = _read_output_shape(path, model)
    if names is not None and len(names) != classes:
        raise StillmotionError(f"{names_source}: has {len(names)} labels, but the model has {classes} classes")
    audited = AuditedModel(
        file=path,
        model=model,
        kind=kind,
        frames=frames,
        height=height,
        width=width,
        labels=names or tuple(f"class {number}" for number in range(classes)),
        has_class_names=names is not None,
        input_range=input_range,
        channels=channels.upper(),
        outputs="sigmoid" if single else "probabilities",
        batch_size=_read_batch_size(model),
        custom_objects=objects,
        unsafe=unsafe,
    )
    return audited if single else dataclasses.replace(audited, outputs=_probabilities_or_logits(audited))


def _read_input_shape(path: Path, model: keras.Model) -> tuple[Literal["image", "clip"], int, int, int]:
    """Whether the model takes images or clips, and of how many frames, which height and width."""
    try:
        shape = _only_shape(model.input_shape)
    except (AttributeError, ValueError):
        raise StillmotionError(f"{path}: its input shape is unknown; call the model once before saving it") from None
    if isinstance(shape, list) or (shape and isinstance(shape[0], list | tuple)):
        raise StillmotionError(f"{path}: takes {len(shape)} inputs; only models with one input can be audited")
    if len(shape) not in (4, 5):
        raise StillmotionError(
            f"{path}: takes {tuple(shape)}, neither images (batch, height, width, 3) "
            "nor clips (batch, time, height, width, 3)"
        )
    *_, height, width, channels = shape
    if channels != 3:
        first = shape[1] == 3 or (len(shape) == 5 and shape[2] == 3)
        hint = "channels first, which TensorFlow cannot run on CPUs" if first else f"pictures of {channels} channels"
        raise StillmotionError(f"{path}: takes {tuple(shape)}: {hint}; expected 3 channels in the last place")
    kind: Literal["image", "clip"] = "clip" if len(shape) == 5 else "image"
    frames = (shape[1] or DEFAULT_FRAMES) if kind == "clip" else 1
    return kind, frames, height or DEFAULT_SIDE, width or DEFAULT_SIDE


def _read_batch_size(model: keras.Model) -> int | None:
    """The batch size that the model is built for; None for any."""
    shape = model.input_shape
    while isinstance(shape, list | dict):
        shape = next(iter(shape.values() if isinstance(shape, dict) else shape))
    size: int | None = shape[0]
    return size


def _read_output_shape(path: Path, model: keras.Model) -> tuple[int, bool]:
    """The number of classes, and whether a single output stands for two of them."""
    shape = _only_shape(model.output_shape)
    if isinstance(shape, list) or len(shape) != 2 or shape[-1] is None:
        raise StillmotionError(
            f"{path}: returns {shape}; only classifiers, which return (batch, classes), can be audited"
        )
    return max(2, shape[-1]), shape[-1] == 1


def _only_shape(shape: Any) -> Any:
    """A single shape out of a dict or list, as some models have it; several stay a list."""
    if isinstance(shape, dict):
        shape = list(shape.values())
    return shape[0] if isinstance(shape, list) and len(shape) == 1 else shape


def _probabilities_or_logits(audited: AuditedModel) -> Literal["probabilities", "logits"]:
    """What the model returns for noise of both usual ranges: probabilities add up to 1."""
    rng = np.random.default_rng(0)
    for top in (1.0, 255.0):
        noise = rng.uniform(0, top, (2, audited.height, audited.width, 3)).astype(np.float32)
        outputs = np.asarray(audited.raw_outputs(audited.as_inputs(noise)), np.float64)
        if outputs.min() < -1e-3 or np.abs(outputs.sum(1) - 1).max() > 2e-2:
            return "logits"
    return "probabilities"
