"""What one run answered for each test video, read back from its table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillmotion.data.tables import describe_columns, read_table
from stillmotion.errors import StillmotionError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

PROBABILITY = "prob_"
HEADER = 2  # rows are told as an editor counts them: the header is the first
_TEXT = ("video", "label", "group", "window", "seed")


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
        """(n,) int: the label of the highest probability; of several, the first."""
        answers: Ints = self.probabilities.argmax(axis=1)
        return answers

    @property
    def given(self) -> Floats:
        """(n, classes) float: 1 for the likeliest label; several that are as likely share it.

        So that the order of columns does not count.
        """
        likeliest = self.probabilities == self.probabilities.max(axis=1, keepdims=True)
        given: Floats = likeliest / likeliest.sum(axis=1, keepdims=True)
        return given

    @property
    def right(self) -> Floats:
        """(n,) float: the share of the answer that is the truth; 0 or 1, but for ties."""
        right: Floats = self.given[np.arange(len(self.truth)), self.truth]
        return right


def read_predictions(path: Path) -> Predictions:
    """Read a run's predictions.parquet, or a CSV of the same columns, sorted by video.

    Raises StillmotionError if the file is missing or unreadable, lacks columns, has two rows for one window of
    a video, or holds what is no probability. A video without a group is its own group.
    """
    seeds = read_predictions_by_seed(path)
    if len(seeds) > 1:
        raise StillmotionError(f"{path}: holds {len(seeds)} seeds; one was expected")
    return seeds[0]


def read_predictions_by_seed(path: Path, *, by: str = "seed") -> list[Predictions]:
    """Likewise, for a table whose column `seed` tells several trainings apart: one for each, sorted.

    by: another column that does.
    """
    path = Path(path)
    table = read_table(path, _TEXT, expected=_TEXT)
    missing = [name for name in ("video", "label") if name not in table.column_names]
    columns = [name for name in table.column_names if name.startswith(PROBABILITY)]
    if len(columns) < 2:
        missing.append(PROBABILITY + "<label>" if not columns else f"{PROBABILITY}<label> for a second label")
    if missing:
        raise StillmotionError(
            f"{path}: no column {', '.join(missing)}; a table of predictions has video, label, group and a "
            f"{PROBABILITY}<label> for each label, this one has {describe_columns(table.column_names, _TEXT)}"
        )
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise StillmotionError(f"{path}: has two columns {twice[0]!r}")
    if not table.num_rows:
        raise StillmotionError(f"{path}: has no rows")
    video, label = _text(table, "video"), _text(table, "label")
    known = set(label)  # a CSV's texts come without the blanks around
    named = [name.removeprefix(PROBABILITY) for name in columns]
    labels = tuple(name if name in known else name.strip() for name in named)
    group = _text(table, "group") if "group" in table.column_names else list(video)
    windows = np.column_stack([_floats(table, name, path) for name in columns])
    keys = [_text(table, name) if name in table.column_names else [""] * len(video) for name in (by, "window")]
    group = [own or name for own, name in zip(group, video, strict=True)]
    bare = [row for row, key in enumerate(keys[0]) if not key]
    if bare and len(bare) < len(video):
        raise StillmotionError(f"{path}: row {bare[0] + HEADER} has no {by}; give one to every row or to none")
    _check_rows(path, labels, video, {"label": label, "group": group}, keys, windows)
    found = []
    for seed in sorted(set(keys[0])):
        mine = np.array([row for row, one in enumerate(keys[0]) if one == seed], dtype=np.intp)
        chosen = mine.tolist()
        found.append(
            _of_videos(labels, [video[i] for i in chosen], [label[i] for i in chosen], [group[i] for i in chosen],
                       windows[mine])
        )  # fmt: skip
    try:
        check_same_videos(found)
    except StillmotionError as error:
        raise StillmotionError(f"{path}: its seeds differ: {error}") from None
    return found


def _check_rows(
    path: Path,
    labels: tuple[str, ...],
    video: Sequence[str],
    facts: Mapping[str, Sequence[str]],
    keys: Sequence[Sequence[str]],
    windows: Floats,
) -> None:
    """facts: what is one of each video."""
    unknown = sorted(set(facts["label"]) - set(labels))
    if unknown:
        raise StillmotionError(f"{path}: no probabilities for the label {unknown[0]!r}; columns are for {list(labels)}")
    for bad, what in (
        (~np.isfinite(windows).all(axis=1), "is missing or not a number"),
        ((windows < -1e-6).any(axis=1) | (windows > 1 + 1e-6).any(axis=1), "is not between 0 and 1"),
        (abs(windows.sum(axis=1) - 1) > 0.05, "is wrong, for those of the row do not add up to 1"),
    ):
        if bad.any():
            row = int(bad.argmax())
            raise StillmotionError(f"{path}: row {row + HEADER}: a probability of the video {video[row]!r} {what}")
    first: dict[tuple[str, ...], int] = {}
    seen: dict[str, dict[str, str]] = {name: {} for name in facts}
    for row, key in enumerate(zip(video, *keys, strict=True)):
        if not video[row]:
            raise StillmotionError(f"{path}: row {row + HEADER} has no video")
        if first.setdefault(key, row) != row:
            raise StillmotionError(
                f"{path}: rows {first[key] + HEADER} and {row + HEADER} are both for the video {video[row]!r}; give "
                "one row a video, or tell them apart by a column 'window' or 'seed'"
            )
        for name, column in facts.items():
            if (before := seen[name].setdefault(video[row], column[row])) != column[row]:
                raise StillmotionError(f"{path}: the video {video[row]!r} has two {name}s: {before!r}, {column[row]!r}")


def _of_videos(
    labels: tuple[str, ...], video: Sequence[str], label: Sequence[str], group: Sequence[str], windows: Floats
) -> Predictions:
    """Windows averaged, videos sorted."""
    names = sorted(set(video))
    place = {name: row for row, name in enumerate(names)}
    rows = np.array([place[name] for name in video], dtype=np.intp)
    sums = np.zeros((len(names), len(labels)))
    np.add.at(sums, rows, windows)
    truth = dict(zip(video, label, strict=True))
    group_of = dict(zip(video, group, strict=True))
    return Predictions(
        videos=tuple(names),
        groups=tuple(group_of[name] for name in names),
        labels=labels,
        truth=np.array([labels.index(truth[name]) for name in names], dtype=np.intp),
        probabilities=sums / np.bincount(rows, minlength=len(names))[:, None],
    )


def check_same_videos(runs: Sequence[Predictions]) -> None:
    """Check that all runs answered for the same videos and labels. Raises StillmotionError if not."""
    if not runs or not runs[0].videos:
        raise StillmotionError("no test video was predicted; evaluate the runs on a test set first")
    first = runs[0]
    for run in runs[1:]:
        if run.labels != first.labels:
            raise StillmotionError(f"the runs have different labels: {list(first.labels)} and {list(run.labels)}")
        key, other = (set(zip(p.videos, p.truth.tolist(), strict=True)) for p in (first, run))
        if key != other:
            names = sorted({name for name, _ in key ^ other})
            some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise StillmotionError(f"the runs were tested on different videos: {len(names)} differ ({some})")
        if run.groups != first.groups:
            rows = zip(first.videos, first.groups, run.groups, strict=True)
            video, own, its = next(row for row in rows if row[1] != row[2])
            raise StillmotionError(
                f"they put the same videos into different groups: {video!r} is in {own!r} and in {its!r}; give all the "
                "same column 'group'"
            )


def _text(table: pa.Table, name: str) -> list[str]:
    values = table.column(name).to_pylist()
    return [_word(value) for value in values]


def _word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # 1.0 is "1"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _floats(table: pa.Table, name: str, path: Path) -> Floats:
    """A column's numbers; in texts a comma is a decimal point too."""
    column = table.column(name)
    if pa.types.is_string(column.type):
        column = pc.replace_substring(column, ",", ".")
    try:
        return np.array(column.cast(pa.float64()).to_pylist(), dtype=float)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values = table.column(name).to_pylist()
        row = next((row for row, value in enumerate(values) if not _is_number(value)), 0)
        raise StillmotionError(
            f"{path}: row {row + HEADER}: {name} is {str(values[row])[:50]!r}, which is not a number; a probability is "
            "from 0 to 1, such as 0.7 for 70 %"
        ) from None


def _is_number(value: object) -> bool:
    try:
        float(str(value).replace(",", "."))
    except ValueError:
        return value is None
    return True
