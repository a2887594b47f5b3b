"""Load a model together with its labels and its frame rate: a run, or any Keras model of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from stillmotion.clips import ClipSpec
from stillmotion.data import read_class_names
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.inference import load_keras_model
from stillmotion.prediction.videos import check_input
from stillmotion.runs import Run, read_run

MAX_RATE = 10_000.0


@dataclass(frozen=True)
class LabeledModel:
    """A Keras model and its class names.

    Attributes:
        model: the model.
        labels: class names in the order of the model's outputs.
        run: the run that it belongs to, or None for somebody else's model.
        file: the file that it was loaded from.
    """

    model: keras.Model
    labels: tuple[str, ...]
    run: Run | None
    file: Path


@dataclass(frozen=True)
class ClipModel:
    """A model of clips, with all that is needed to feed it from a stream.

    Attributes:
        model: takes uint8 `(batch, frames, height, width, 3)`.
        rate: frames per second that it sees.
        labels: class names in the order of its outputs.
        note: how the rate was chosen, if the training does not fix it.
        engine: what runs the model; see `stream_model`.
    """

    model: keras.Model
    rate: float
    labels: tuple[str, ...]
    note: str = ""
    engine: str = "keras"

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return int(self.model.input_shape[1])

    @property
    def spec(self) -> ClipSpec:
        """The clip that the model takes."""
        _, frames, height, width, _ = self.model.input_shape
        return ClipSpec(frames, self.rate, (height, width))


def load_labeled_model(run: Run | str | Path, labels: str | Path | Sequence[str] | None = None) -> LabeledModel:
    """Load a run's model, or a `.keras` file with labels given for it.

    Args:
        run: a run, its folder, or a `.keras` file.
        labels: class names in the order of the model's outputs, for a file that is not a run's; see
            `read_class_names`. By default "0", "1", ...

    Returns:
        The model with its labels.

    Raises:
        UsageError: labels for a run, which has its own; labels that cannot be read; or another number of labels than
            the model has outputs.
        StillmotionError: the run or model cannot be read.
    """
    path = run.folder if isinstance(run, Run) else Path(run)
    if path.name == "snapshot.keras":
        raise UsageError(f"{path}: takes single images, not clips; give the folder {path.parent} or its model.keras")
    foreign = not isinstance(run, Run) and path.is_file() and not (path.parent / "run.json").is_file()
    if foreign:
        names = None if labels is None else read_class_names(labels)
        model = load_keras_model(path)
        if names is None:
            names = tuple(map(str, range(model.output_shape[-1])))
        if len(names) != model.output_shape[-1]:
            raise UsageError(f"{len(names)} labels for a model of {model.output_shape[-1]} probabilities")
        return LabeledModel(model, names, None, path)
    record = run if isinstance(run, Run) else read_run(run)
    if labels is not None:
        raise UsageError(f"{record.folder}: a run has its own labels; do not give it others")
    model = load_keras_model(record.model_file)
    check_input(model, record.recipe.spec, record)
    return LabeledModel(model, record.labels, record, record.model_file)


def load_clip_model(
    run: Run | str | Path,
    *,
    rate: float | None = None,
    labels: str | Path | Sequence[str] | None = None,
    engine: str = "keras",
) -> ClipModel:
    """Load a model that can be streamed.

    Args:
        run: a run, its folder, or a `.keras` file that takes uint8 `(batch, frames, height, width, 3)` and returns
            `(batch, classes)`.
        rate: frames per second that the model sees. A run has its own: the rate of its clips, or, if they were spread
            over each video, the rate at which a window is as long as the training videos typically are.
        labels: class names in the order of the model's outputs; see `read_class_names`. A run has its own.
        engine: what runs the model; see `stream_model`.

    Returns:
        The model, not yet divided for streaming.

    Raises:
        UsageError: no rate, an impossible one, or see `load_labeled_model`.
        StillmotionError: the run or model cannot be read, or takes something else than clips.
    """
    if rate is not None and not 0 < rate < MAX_RATE:
        raise UsageError(f"the rate is {rate:g}; expected frames per second above 0")
    loaded = load_labeled_model(run, labels)
    if loaded.run is None:
        shape = loaded.model.input_shape
        if len(shape) != 5 or None in shape[1:] or shape[-1] != 3:
            raise StillmotionError(
                f"{loaded.file}: takes {shape}; expected (batch, frames, height, width, 3) with known sizes"
            )
        if rate is None:
            raise UsageError(f"{loaded.file} does not say how many frames per second it sees: give its rate")
        return ClipModel(loaded.model, rate, loaded.labels, engine=engine)
    spec = loaded.run.recipe.spec
    if rate is not None or spec.rate != "spread":
        return ClipModel(loaded.model, rate or float(spec.rate), loaded.labels, engine=engine)
    typical_seconds = loaded.run.record.data.typical_seconds
    if typical_seconds <= 0:
        raise UsageError(f"{loaded.run.folder}: trained on clips spread over pictures; give a rate")
    rate = spec.frames / typical_seconds
    note = (
        f"trained on {spec.frames} frames spread over each video: streams over windows of {typical_seconds:.3g} s, "
        f"as the training videos typically last ({rate:.3g} frames per second)"
    )
    return ClipModel(loaded.model, rate, loaded.labels, note, engine)
