"""The model under audit: what it takes, what it answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.scaling import SCALES
from stillmotion.audit.loading import custom_objects, load_any
from stillmotion.clips import ClipSpec
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.runs import read_run

BATCH = 16
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AuditedModel:
    """A model and how it is fed.

    Attributes:
        file: as given.
        model: the Keras model.
        kind: whether it takes images `(batch, height, width, 3)` or clips `(batch, time, height, width, 3)`.
        frames: of a clip; 1 for images.
        height: of its pictures, in pixels; width likewise.
        labels: in the order of its outputs.
        named: whether the labels were given, and are not just numbers.
        scale: the range that it is fed: a name in `SCALES`; None as long as it is unknown.
        channels: "RGB" or "BGR", as it is fed.
        outputs: what its last layer gives: probabilities, logits, or one sigmoid for two labels.
        fixed: how many inputs it takes at once, where its graph says so; None for any number.
        custom: what its custom layers are, by name.
        unsafe: whether Python code in its file may run.
    """

    file: Path
    model: keras.Model
    kind: Literal["image", "clip"]
    frames: int
    height: int
    width: int
    labels: tuple[str, ...]
    named: bool
    scale: str | None
    channels: str
    outputs: Literal["probabilities", "logits", "one"]
    fixed: int | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    unsafe: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def answers(self, values: Sequence[Floats] | Floats) -> Floats:
        """Probabilities `(n, labels)` for pictures as the model is fed them, `(height, width, 3)` each.

        A clip model sees each as a clip that stands still. Whole clips `(time, height, width, 3)` are taken too.
        At two batch sizes only, 1 and 16: every new shape costs a compilation.
        """
        found = []
        size = self.fixed or (1 if len(values) == 1 else BATCH)
        for start in range(0, len(values), size):
            part = np.stack([np.asarray(one, np.float32) for one in values[start : start + size]])
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
            found.append(self.probabilities(self.ask(self.batch(filled)))[: len(part)])
        return np.concatenate(found)

    def ask(self, inputs: Floats) -> Floats:
        """What the model gives for inputs as it takes them, by `predict_on_batch`, from a fresh state."""
        self.reset()
        size = self.fixed or len(inputs)
        given = []
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
            given.append(keras.ops.convert_to_numpy(self.model.predict_on_batch(filled))[: len(part)])
        return np.concatenate(given)

    @property
    def stateful(self) -> list[keras.layers.Layer]:
        """Layers that keep a state from one batch to the next."""
        return [layer for layer in all_layers(self.model) if getattr(layer, "stateful", False) is True]

    def reset(self) -> None:
        """Forget what was asked before."""
        for layer in self.stateful:
            if hasattr(layer, "reset_state"):
                layer.reset_state()

    def batch(self, pictures: Floats) -> Floats:
        """Pictures `(n, height, width, 3)` as the model takes them: the same, or clips that stand still."""
        if self.kind == "clip" and pictures.ndim == 4:
            return np.repeat(pictures[:, None], self.frames, axis=1)
        return pictures

    def probabilities(self, outputs: Any) -> Floats:
        """What the model gave, as probabilities `(n, labels)`."""
        given = np.asarray(keras.ops.convert_to_numpy(outputs), np.float64).reshape(len(outputs), -1)
        if self.outputs == "one":
            one = given if given.min() >= 0 and given.max() <= 1 else 1 / (1 + np.exp(-given))
            given = np.concatenate([1 - one, one], axis=1)
        elif self.outputs == "logits":
            given = np.exp(given - given.max(1, keepdims=True))
            given /= given.sum(1, keepdims=True)
        return given.astype(np.float32)


def clip_spec(subject: AuditedModel) -> ClipSpec:
    """How the clips of a clip model are cut: as its run was trained, else spread over the video."""
    if (subject.file / "run.json").is_file():
        return read_run(subject.file).recipe.spec
    return ClipSpec(subject.frames, "spread", subject.size)


def load_audited_model(
    file: str | Path,
    *,
    labels: str | Path | None = None,
    scale: str | None = None,
    channels: str = "rgb",
    custom: str | None = None,
    unsafe: bool = False,
) -> AuditedModel:
    """Load a model and find out what it takes.

    Args:
        file: a run's folder, .keras, .h5 or a SavedModel folder.
        labels: a text file with a label a line, or JSON: a list, or `{label: index}`.
        scale: the range the model is fed, a name in `SCALES`; None to find out.
        channels: "rgb" or "bgr".
        custom: a module that defines its custom layers.
        unsafe: whether code inside the file may run.

    Raises:
        UsageError: a wrong argument.
        StillmotionError: the model cannot be loaded, or takes neither images nor clips.
    """
    path = Path(file)
    if scale is not None and scale not in SCALES:
        raise UsageError(f"--scale {scale!r}: expected one of {', '.join(SCALES)}")
    if channels.upper() not in ("RGB", "BGR"):
        raise UsageError(f"--channels {channels!r}: expected rgb or bgr")
    ours: tuple[str, ...] | None = None
    at = path
    folder = path.parent if path.name in ("model.keras", "snapshot.keras") else path
    if (folder / "run.json").is_file():
        run = read_run(folder)
        ours, at, scale = run.labels, path if path.is_file() else run.model_file, scale or "0..255"
    known = custom_objects(custom) if custom else {}
    model = load_any(at, known=known, unsafe=unsafe)
    kind, frames, height, width = _shape(path, model)
    classes, one = _outputs(path, model)
    names = read_labels(Path(labels)) if labels is not None else ours
    if names is not None and len(names) != classes:
        raise StillmotionError(f"{labels or folder / 'run.json'}: has {len(names)} labels, the model gives {classes}")
    subject = AuditedModel(
        file=path,
        model=model,
        kind=kind,
        frames=frames,
        height=height,
        width=width,
        labels=names or tuple(f"class {number}" for number in range(classes)),
        named=names is not None,
        scale=scale,
        channels=channels.upper(),
        outputs="one" if one else "probabilities",
        fixed=_batch_of(model),
        custom=known,
        unsafe=unsafe,
    )
    return dataclasses.replace(subject, outputs="one" if one else _probabilities_or_logits(subject))


def read_labels(file: Path) -> tuple[str, ...]:
    """The labels of a file, in the order of the model's outputs.

    Raises:
        UsageError: nothing is there.
        StillmotionError: not a list of labels.
    """
    try:
        written = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{file}: no such file of labels") from None
    except (OSError, UnicodeDecodeError):
        raise StillmotionError(f"{file}: cannot be read as labels; expected text, a label a line, or JSON") from None
    if file.suffix.lower() != ".json":
        return tuple(line.strip() for line in written.splitlines() if line.strip())
    try:
        found = json.loads(written)
        if isinstance(found, dict) and all(str(key).isdigit() for key in found):
            return tuple(str(found[key]) for key in sorted(found, key=int))
        if isinstance(found, dict):
            return tuple(sorted(found, key=lambda name: int(found[name])))
        return tuple(str(name) for name in list(found))
    except (ValueError, TypeError):
        raise StillmotionError(f"{file}: not a list of labels, nor {{label: index}}") from None


def _shape(path: Path, model: keras.Model) -> tuple[Literal["image", "clip"], int, int, int]:
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):
        raise StillmotionError(f"{path}: its input has no known shape; call the model once before saving it") from None
    if isinstance(shape, dict):
        shape = list(shape.values())
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if isinstance(shape, list) or (shape and isinstance(shape[0], (list, tuple))):
        raise StillmotionError(f"{path}: takes {len(shape)} inputs; the audit is of models with one")
    if len(shape) not in (4, 5):
        raise StillmotionError(
            f"{path}: takes {tuple(shape)}, neither images (batch, height, width, 3) "
            "nor clips (batch, time, height, width, 3)"
        )
    *_, height, width, channels = shape
    if channels != 3:
        first = shape[1] == 3 or (len(shape) == 5 and shape[2] == 3)
        hint = "channels first, which TensorFlow on CPUs cannot run" if first else f"pictures of {channels} channels"
        raise StillmotionError(f"{path}: takes {tuple(shape)}: {hint}; the audit is of models that take 3, last")
    frames = (shape[1] or 16) if len(shape) == 5 else 1
    return ("clip" if len(shape) == 5 else "image"), frames, height or 224, width or 224


def _batch_of(model: keras.Model) -> int | None:
    shape = model.input_shape
    while isinstance(shape, (list, dict)):
        shape = next(iter(shape.values() if isinstance(shape, dict) else shape))
    size: int | None = shape[0]
    return size


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Every layer, those inside models and wrappers too."""
    for layer in model.layers:
        yield layer
        inside = getattr(layer, "layer", None)
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        elif isinstance(inside, keras.layers.Layer):
            yield inside
            if isinstance(inside, keras.Model):
                yield from all_layers(inside)


def _outputs(path: Path, model: keras.Model) -> tuple[int, bool]:
    """How many labels, and whether one output stands for two."""
    shape = model.output_shape
    if isinstance(shape, dict):
        shape = list(shape.values())
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if isinstance(shape, list) or len(shape) != 2 or shape[-1] is None:
        raise StillmotionError(f"{path}: gives {shape}; the audit is of classifiers, which give (batch, classes)")
    return max(2, shape[-1]), shape[-1] == 1


def _probabilities_or_logits(subject: AuditedModel) -> Literal["probabilities", "logits"]:
    """By what the model gives for noise of both usual ranges."""
    rng = np.random.default_rng(0)
    for top in (1.0, 255.0):
        noise = rng.uniform(0, top, (2, subject.height, subject.width, 3)).astype(np.float32)
        given = np.asarray(subject.ask(subject.batch(noise)), np.float64)
        if given.min() < -1e-3 or np.abs(given.sum(1) - 1).max() > 2e-2:
            return "logits"
    return "probabilities"
