"""What a training leaves on disk: a folder of plain files.

runs/cnn_rnn-seed0/
    model.keras            loads with Keras alone: uint8 (batch, time, height, width, 3) -> probabilities
    snapshot.keras         still family only: the same for (batch, height, width, 3)
    run.json               recipe, labels, videos of each part, versions, result of the training, costs
    history.csv            one row per epoch
    memory.npz             what its clips look like, to say of others that they are unlike them
    predictions.parquet    one row per test video and window
    over_time.parquet      one row per test video and time: how the prediction changes in the course of the video
    perturbed.parquet      the verdict's motion family only: one row per test video and changed frame order
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from stillmotion.data import Part, Video, Videos, shared_groups
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import as_path, write_json
from stillmotion.runs import layout
from stillmotion.runs.recipe import Recipe

FORMAT = 1


@dataclass(frozen=True)
class DataRecord:
    """The videos of a run, and the part that each was in.

    Attributes:
        root: the folder that paths are relative to.
        train_root: that of the train and validation parts, where the test part has another; else empty.
        fingerprint: a hash of the videos of the train and validation parts.
        videos: those that were used; the test part keeps those that the last evaluation could not read.
        skipped: names of those that were not used, and why.
        typical_seconds: the median duration of the videos that were trained on.
    """

    root: str
    fingerprint: str
    videos: tuple[Video, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    typical_seconds: float = 0.0
    train_root: str = ""

    def part(self, part: Part) -> Videos:
        """The videos of one part."""
        root = self.root if part == "test" else self.train_root or self.root
        return Videos(Path(root), tuple(video for video in self.videos if video.part == part))

    def shared_groups(self, first: Part, second: Part) -> tuple[str, ...]:
        """Groups that have videos in two of the parts, which should not be."""
        return shared_groups(self.part(first), self.part(second))


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went.

    Attributes:
        epochs: number of epochs that were trained.
        best_epoch: the one with the lowest validation loss in the second half of the training, counted from 1; its
            weights are the model's.
        seconds: time spent on epochs, over all interruptions.
        validation_loss: of the best epoch; None if unknown, as of a model that was trained elsewhere.
        validation_accuracy: of the best epoch, from 0 to 1; likewise.
    """

    epochs: int
    best_epoch: int
    seconds: float
    validation_loss: float | None
    validation_accuracy: float | None


@dataclass(frozen=True)
class CostRecord:
    """What predictions cost on the machine that measured them, with clips that were in memory already.

    Attributes:
        parameters: number of the model's weights.
        milliseconds_per_clip: time for a single clip.
        frames_per_second: throughput in batches.
        multiply_adds: for one clip, counted from the model's graph, so the same on every machine.
    """

    parameters: int
    milliseconds_per_clip: float
    frames_per_second: float
    multiply_adds: int | None = None


@dataclass(frozen=True)
class RunRecord:
    """The content of run.json.

    Attributes:
        recipe: everything that determined the training, except the videos.
        labels: the class names, in the order of the model's outputs.
        data: the videos.
        versions: what made the run, such as "keras" and "python"; "products" if training multiplied in bfloat16.
        training: how the training went; None as long as it is not finished.
        cost: what predictions cost; None until the run is evaluated.
        format: version of this file's format.
    """

    recipe: Recipe
    labels: tuple[str, ...]
    data: DataRecord
    versions: Mapping[str, str] = field(default_factory=dict)
    training: TrainingRecord | None = None
    cost: CostRecord | None = None
    format: int = FORMAT


@dataclass(frozen=True, repr=False)
class Run:
    """A trained model: its folder, and the content of its run.json.

    Attributes:
        folder: where the files are.
        record: the content of run.json.

    Examples:
        >>> run = sm.read_run("runs/motion")
        >>> run
        Run('runs/motion', family='conv3d', seed=0)
        >>> run.labels
        ('left', 'right')
    """

    folder: Path
    record: RunRecord

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, family={self.recipe.family!r}, seed={self.recipe.seed})"

    @property
    def recipe(self) -> Recipe:
        """Everything that determined the training, except the videos."""
        return self.record.recipe

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names, in the order of the model's outputs."""
        return self.record.labels

    @property
    def model_file(self) -> Path:
        """The trained model."""
        return self.folder / layout.MODEL_FILE

    @property
    def snapshot_file(self) -> Path:
        """The trained model for single frames; only a still family has one."""
        return self.folder / layout.SNAPSHOT_FILE

    @property
    def history_file(self) -> Path:
        """One row per epoch of the training."""
        return self.folder / layout.HISTORY_FILE

    @property
    def predictions_file(self) -> Path:
        """Predictions for the test part, written by `evaluate`."""
        return self.folder / layout.PREDICTIONS_FILE

    @property
    def over_time_file(self) -> Path:
        """Predictions in the course of each test video, written by `predict_over_time`."""
        return self.folder / layout.OVER_TIME_FILE

    @property
    def perturbed_file(self) -> Path:
        """Predictions for test videos with changed frame order, written by `evaluate_perturbed`."""
        return self.folder / layout.PERTURBED_FILE


_ADAPTER = TypeAdapter(RunRecord)


def read_run(folder: str | Path) -> Run:
    """Read a finished run.

    Args:
        folder: the run's folder, or its model.keras.

    Returns:
        The run.

    Raises:
        UsageError: there is no such folder.
        StillmotionError: it is not a run, is not finished, or was written by a later version of stillmotion.

    Examples:
        >>> sm.read_run("runs/motion").recipe.family
        'conv3d'
    """
    path = as_path(folder, "a run or its folder")
    if path.name == layout.MODEL_FILE:
        path = path.parent
    if not path.exists():
        raise UsageError(f"{path}: no such run folder")
    file = path / layout.RECORD_FILE
    if not file.is_file():
        records = sorted((path / "runs").glob("*/run.json"))
        hint = f"; did you mean {records[0].parent}?" if records else "; expected the folder that 'train' wrote"
        raise StillmotionError(f"{path}: not a run (no run.json in it){hint}")
    record = _read_record(file)
    if record.format > FORMAT:
        raise StillmotionError(f"{file}: written by a later version of stillmotion; update to read it")
    if record.training is None:
        raise StillmotionError(f"{path}: this training is not finished; run the same 'train' command again to resume")
    return Run(path, record)


def as_run(run: Run | str | Path) -> Run:
    """A run as it is, or read from its folder; see `read_run`."""
    return run if isinstance(run, Run) else read_run(run)


def delete_run(folder: Path) -> None:
    """Delete the run in a folder, finished or not; other files in the folder are kept.

    Args:
        folder: the run's folder.

    Raises:
        StillmotionError: its run.json is not the record of a run, in which case nothing is deleted, or a file cannot
            be deleted.
    """
    file = folder / layout.RECORD_FILE
    if file.exists():
        try:
            _read_record(file)
        except StillmotionError as error:
            raise StillmotionError(f"{error}; nothing was deleted, choose another folder") from None
    layout.delete_run_files(folder)


def _read_record(file: Path) -> RunRecord:
    """Read a run.json of any version, finished or not."""
    try:
        return _ADAPTER.validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field_name = ".".join(map(str, first["loc"])) or "its text"
        raise StillmotionError(f"{file}: not a run's record: {field_name}: {first['msg']}") from None
    except UsageError as error:
        raise StillmotionError(f"{file}: not a run's record: {error}") from None
    except OSError as error:
        raise StillmotionError(f"{file}: {error.strerror}") from None


def write_run(run: Run) -> Run:
    """Write run.json; the file is complete or not there.

    Args:
        run: the run; its folder exists.

    Returns:
        The same run.

    Raises:
        StillmotionError: the file cannot be written.
    """
    write_json(run.folder / layout.RECORD_FILE, asdict(run.record))
    return run


def versions(backend: str, keras_version: str) -> dict[str, str]:
    """The versions of what makes a run.

    Args:
        backend: the name of Keras's backend.
        keras_version: passed in, so that this module does not import Keras.

    Returns:
        Versions by name: stillmotion, keras, backend, python, numpy, av.
    """
    from importlib.metadata import version

    return {
        "stillmotion": version("stillmotion"),
        "keras": keras_version,
        "backend": backend,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "av": version("av"),
    }
