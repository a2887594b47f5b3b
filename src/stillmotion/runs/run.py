"""What a training leaves on disk: a folder of plain files.

runs/cnn_rnn-seed0/
    model.keras            loads with Keras alone: uint8 (batch, time, height, width, 3) -> probabilities
    snapshot.keras         still family: the same for (batch, height, width, 3)
    run.json               recipe, labels, data and split, versions, how training went
    history.csv            a row an epoch
    predictions.parquet    a row a test video and window
    over_time.parquet        the answer through time of each test video
    perturbed.parquet         the verdict's motion family: a row a test video and way of tampering with its frames
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from stillmotion.data import Part, Video, Videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import write_json
from stillmotion.runs.recipe import Recipe

FORMAT = 1


@dataclass(frozen=True)
class DataRecord:
    """The videos of a training, and the part that each was in."""

    root: str
    fingerprint: str
    videos: tuple[Video, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    typical_seconds: float = 0.0

    def part(self, part: Part) -> Videos:
        """The videos of one part."""
        return Videos(Path(self.root), tuple(video for video in self.videos if video.part == part))


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went. `seconds` is its time at work, over all interruptions."""

    epochs: int
    best_epoch: int
    seconds: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class CostRecord:
    """What an answer costs on the machine that measured it, clip by clip, from frames in memory.

    multiply_adds: of one clip, counted from the graph, the same on any machine.
    """

    parameters: int
    milliseconds_per_clip: float
    frames_per_second: float
    multiply_adds: int | None = None


@dataclass(frozen=True)
class RunRecord:
    """run.json."""

    recipe: Recipe
    labels: tuple[str, ...]
    data: DataRecord
    versions: Mapping[str, str] = field(default_factory=dict)
    training: TrainingRecord | None = None
    cost: CostRecord | None = None
    format: int = FORMAT


@dataclass(frozen=True)
class Run:
    """A run's folder, and what its run.json says."""

    folder: Path
    record: RunRecord

    @property
    def recipe(self) -> Recipe:
        """All that determined the training."""
        return self.record.recipe

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the model's outputs."""
        return self.record.labels

    @property
    def model_file(self) -> Path:
        """The trained model."""
        return self.folder / "model.keras"

    @property
    def predictions_file(self) -> Path:
        """The test part's predictions, once evaluated."""
        return self.folder / "predictions.parquet"

    @property
    def over_time_file(self) -> Path:
        """The test part's answers through time, once evaluated."""
        return self.folder / "over_time.parquet"

    @property
    def perturbed_file(self) -> Path:
        """A motion model's predictions for test clips whose frames were tampered with, once probed."""
        return self.folder / "perturbed.parquet"

    @property
    def history_file(self) -> Path:
        """The training's epochs."""
        return self.folder / "history.csv"


_ADAPTER = TypeAdapter(RunRecord)


def read_run(folder: str | Path) -> Run:
    """Read a finished run.

    Args:
        folder: the run's folder, or its model.keras.

    Raises:
        UsageError: nothing is there.
        StillmotionError: not a run, not finished, or made by a later version.
    """
    path = Path(folder)
    if path.name == "model.keras":
        path = path.parent
    if not path.exists():
        raise UsageError(f"{path}: no such run folder")
    file = path / "run.json"
    if not file.is_file():
        runs = [found.parent.name for found in sorted((path / "runs").glob("*/run.json"))]
        hint = f"; did you mean {path / 'runs' / runs[0]}?" if runs else "; expected the folder that 'train' wrote"
        raise StillmotionError(f"{path}: not a run (no run.json in it){hint}")
    try:
        record = _ADAPTER.validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise StillmotionError(f"{file}: not a run's record: {where}: {first['msg']}") from None
    except OSError as error:
        raise StillmotionError(f"{file}: {error.strerror}") from None
    if record.format > FORMAT:
        raise StillmotionError(f"{file}: written by a later version of stillmotion; update to read it")
    if record.training is None:
        raise StillmotionError(f"{path}: this training is not finished; give the same 'train' command again to go on")
    return Run(path, record)


def write_run(run: Run) -> Run:
    """Write run.json, whole or not at all, and return the run."""
    write_json(run.folder / "run.json", asdict(run.record))
    return run


def versions(backend: str, keras_version: str) -> dict[str, str]:
    """What made a run."""
    from importlib.metadata import version

    return {
        "stillmotion": version("stillmotion"),
        "keras": keras_version,
        "backend": backend,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "av": version("av"),
    }
