"""What one run answered for each test video, read back from its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

PROBABILITY = "prob_"
_TEXT = ("video", "label", "group")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers for whole videos, in the order of `videos`.

    videos, groups: (n,) str. labels: the class names. truth: (n,) int, indices into labels.
    probabilities: (n, classes) float, the mean over each video's windows.
    """

    videos: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    truth: Ints
    probabilities: Floats

    @property
    def answers(self) -> Ints:
        """(n,) int: the label of the highest probability."""
        answers: Ints = self.probabilities.argmax(axis=1)
        return answers

    @property
    def right(self) -> Bools:
        """(n,) bool: whether the answer is the truth."""
        return np.equal(self.answers, self.truth)


def read_predictions(path: Path) -> Predictions:
    """Read a run's predictions.parquet, or a CSV of the same columns, sorted by video.

    Raises StillmotionError if the file is missing, unreadable, or lacks columns, or if a video's
    label has no column of probabilities. A video without a group is its own group.
    """
    table = read_table(Path(path))
    missing = [name for name in ("video", "label") if name not in table.column_names]
    labels = tuple(
        name.removeprefix(PROBABILITY) for name in table.column_names if name.startswith(PROBABILITY)
    )
    if not labels:
        missing.append(PROBABILITY + "<label>")
    if missing:
        raise StillmotionError(f"{path}: no column {', '.join(missing)}; is it a run's table of predictions?")
    video = _text(table, "video")
    label = _text(table, "label")
    group = _text(table, "group") if "group" in table.column_names else list(video)
    unknown = sorted(set(label) - set(labels))
    if unknown:
        raise StillmotionError(
            f"{path}: no probabilities for the label {unknown[0]!r}; columns are for {list(labels)}"
        )
    windows = np.column_stack([_floats(table, PROBABILITY + name) for name in labels])
    if not np.isfinite(windows).all():
        raise StillmotionError(f"{path}: a probability is missing or not a number; evaluate the run again")
    keys = sorted(set(zip(video, label, strict=True)))
    place = {key: row for row, key in enumerate(keys)}
    rows = np.array([place[key] for key in zip(video, label, strict=True)], dtype=np.intp)
    sums = np.zeros((len(keys), len(labels)))
    np.add.at(sums, rows, windows)
    group_of = {row: name or video[i] for i, (row, name) in enumerate(zip(rows.tolist(), group, strict=True))}
    return Predictions(
        videos=tuple(key[0] for key in keys),
        groups=tuple(group_of[row] for row in range(len(keys))),
        labels=labels,
        truth=np.array([labels.index(key[1]) for key in keys], dtype=np.intp),
        probabilities=sums / np.bincount(rows, minlength=len(keys))[:, None],
    )


def read_table(path: Path) -> pa.Table:
    """A Parquet table, or a CSV by its ending. Raises StillmotionError if it cannot be read."""
    try:
        if path.suffix.lower() != ".csv":
            return pa_parquet.read_table(path)
        texts = {name: pa.string() for name in _TEXT}
        return pa_csv.read_csv(path, convert_options=pa_csv.ConvertOptions(column_types=texts))
    except FileNotFoundError:
        raise StillmotionError(f"{path}: no such file; evaluate the run first") from None
    except (OSError, pa.ArrowException) as error:
        raise StillmotionError(f"{path}: not a readable table ({str(error).splitlines()[0]})") from None


def align(runs: Sequence[Predictions]) -> None:
    """Check that all runs answered for the same videos and labels. Raises StillmotionError if not."""
    if not runs or not runs[0].videos:
        raise StillmotionError("no test video was predicted; evaluate the runs on a test set first")
    first = runs[0]
    for run in runs[1:]:
        if run.labels != first.labels:
            raise StillmotionError(
                f"the runs have different labels: {list(first.labels)} and {list(run.labels)}"
            )
        key, other = (set(zip(p.videos, p.truth.tolist(), strict=True)) for p in (first, run))
        if key != other:
            names = sorted({name for name, _ in key ^ other})
            some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise StillmotionError(f"the runs were tested on different videos: {len(names)} differ ({some})")
        if run.groups != first.groups:
            raise StillmotionError("the runs put the same videos into different groups; evaluate them again")


def _text(table: pa.Table, name: str) -> list[str]:
    return ["" if value is None else str(value) for value in table.column(name).to_pylist()]


def _floats(table: pa.Table, name: str) -> Floats:
    try:
        return np.array(table.column(name).cast(pa.float64()).to_pylist(), dtype=float)
    except pa.ArrowInvalid:
        raise StillmotionError(f"the column {name!r} holds something that is not a number") from None
