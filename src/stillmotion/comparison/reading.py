"""Tables of predictions, read and checked: one row per video (or window).

The usual table has one column `prob_<label>` per label. For two labels, one of them will do, or a column `prob` where
the labels are 0 and 1. A column `prediction` holds predicted labels instead of probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillmotion.comparison.predictions import Predictions, check_same_videos, wrong_rows
from stillmotion.data.tables import PROBABILITY_PREFIX, describe_columns, read_table
from stillmotion.errors import StillmotionError
from stillmotion.statistics import Floats

# Errors number rows as a spreadsheet does: the header is row 1.
FIRST_ROW = 2
PREDICTION_COLUMN = "prediction"
PROBABILITY_COLUMN = "prob"  # of the label 1, if the other is 0
_TEXT_COLUMNS = ("video", "label", "group", "window", "seed", PREDICTION_COLUMN)
_NEGATIVE_AND_POSITIVE = (("0", "1"), ("false", "true"))


def read_predictions(path: Path) -> Predictions:
    """Read the predictions of one training.

    Args:
        path: a run's predictions.parquet, or a CSV file with the same columns. A video without a group is its own
            group.

    Returns:
        One prediction per video (the mean over its windows), sorted by video.

    Raises:
        StillmotionError: the file is missing or unreadable, lacks columns, has two rows for one window of a video,
            holds several seeds, or holds invalid probabilities.

    Examples:
        >>> sm.read_predictions("motion.csv").labels
        ('left', 'right')
    """
    trainings = read_predictions_by_seed(path)
    if len(trainings) > 1:
        raise StillmotionError(f"{path}: holds {len(trainings)} seeds; one was expected")
    return trainings[0]


def read_predictions_by_seed(path: Path, *, by: str = "seed") -> list[Predictions]:
    """Read the predictions of several trainings from one table, distinguished by the column `seed`.

    Args:
        path: a table as for `read_predictions`.
        by: another column that distinguishes trainings.

    Returns:
        The predictions of each training, sorted by the values of that column; one entry if there is no such column.

    Raises:
        StillmotionError: as `read_predictions`, or the trainings predicted different videos.

    Examples:
        >>> len(sm.read_predictions_by_seed("motion.csv"))
        1
    """
    path = Path(path)
    table = read_table(path, _TEXT_COLUMNS, expected=_TEXT_COLUMNS)
    columns = _prediction_columns(table, path)
    videos, labels_of_rows = _texts(table, "video"), _texts(table, "label")
    if columns == [PREDICTION_COLUMN]:
        labels, probabilities = _one_hot(table, path, labels_of_rows)
    else:
        probabilities = np.column_stack([_numbers(table, name, path) for name in columns])
        labels = _labels(columns, set(labels_of_rows))
        if len(columns) == 1:
            labels = _two_labels(path, columns[0], labels[0], set(labels_of_rows))
            probabilities = np.hstack([1 - probabilities, probabilities])
    groups = _texts(table, "group") if "group" in table.column_names else videos
    groups = [group or video for group, video in zip(groups, videos, strict=True)]
    seeds, windows = (
        _texts(table, name) if name in table.column_names else [""] * len(videos) for name in (by, "window")
    )
    unnamed = [row for row, seed in enumerate(seeds) if not seed]
    if unnamed and len(unnamed) < len(videos):
        raise StillmotionError(f"{path}: row {unnamed[0] + FIRST_ROW} has no {by}; give one to every row or to none")
    _check_labels(path, labels, labels_of_rows)
    _check_probabilities(path, videos, probabilities)
    _check_rows(path, videos, {"label": labels_of_rows, "group": groups}, (seeds, windows))
    trainings = []
    for seed in sorted(set(seeds)):
        rows = [row for row, value in enumerate(seeds) if value == seed]
        chosen_videos, chosen_labels, chosen_groups = (
            [column[row] for row in rows] for column in (videos, labels_of_rows, groups)
        )
        trainings.append(_average(labels, chosen_videos, chosen_labels, chosen_groups, probabilities[rows]))
    try:
        check_same_videos(trainings)
    except StillmotionError as error:
        raise StillmotionError(f"{path}: its seeds differ: {error}") from None
    return trainings


def _prediction_columns(table: pa.Table, path: Path) -> list[str]:
    """The columns that hold predictions, once all needed columns are known to be there."""
    missing = [name for name in ("video", "label") if name not in table.column_names]
    columns = [name for name in table.column_names if name.startswith(PROBABILITY_PREFIX)]
    if not columns:
        columns = [name for name in (PREDICTION_COLUMN, PROBABILITY_COLUMN) if name in table.column_names][:1]
    if not columns:
        missing.append(f"{PROBABILITY_PREFIX}<label>")
    if missing:
        raise StillmotionError(
            f"{path}: no column {', '.join(missing)}; a table of predictions has video, label, group and a "
            f"{PROBABILITY_PREFIX}<label> for each label (or a column {PREDICTION_COLUMN} with labels), this one has "
            f"{describe_columns(table.column_names, _TEXT_COLUMNS)}"
        )
    repeated = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if repeated:
        raise StillmotionError(f"{path}: has two columns {repeated[0]!r}")
    if not table.num_rows:
        raise StillmotionError(f"{path}: has no rows")
    return columns


def _one_hot(table: pa.Table, path: Path, labels_of_rows: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Predicted labels as probabilities of 0 and 1."""
    predicted = _texts(table, PREDICTION_COLUMN)
    if "" in predicted:
        raise StillmotionError(f"{path}: row {predicted.index('') + FIRST_ROW} has no {PREDICTION_COLUMN}")
    labels = tuple(sorted({*predicted, *labels_of_rows}))
    return labels, np.array([[float(label == own) for label in labels] for own in predicted])


def _two_labels(path: Path, column: str, named: str, known: set[str]) -> tuple[str, ...]:
    """The two labels of a table with one column of probabilities: the other one, and the one that it is for."""
    if column != PROBABILITY_COLUMN:
        others = sorted(known - {named})
        if len(others) == 1:
            return others[0], named
        raise StillmotionError(
            f"{path}: {column} is its only column of probabilities, which is enough for two labels; rows have "
            f"{sorted(known)}"
        )
    for negative, positive in _NEGATIVE_AND_POSITIVE:
        by_text = {label.lower(): label for label in known}
        if by_text and set(by_text) <= {negative, positive} and len(by_text) == len(known):
            return by_text.get(negative, negative), by_text.get(positive, positive)
    raise StillmotionError(
        f"{path}: {column} does not say which label it is the probability of; name it {PROBABILITY_PREFIX}<label> "
        f"(labels are {sorted(known)})"
    )


def _labels(columns: Sequence[str], known: set[str]) -> tuple[str, ...]:
    """The labels of the columns. Texts of a CSV are stripped, so a label may have lost spaces that its column has."""
    names = [name.removeprefix(PROBABILITY_PREFIX) for name in columns]
    return tuple(name if name in known else name.strip() for name in names)


def _check_labels(path: Path, labels: tuple[str, ...], labels_of_rows: Sequence[str]) -> None:
    unknown = sorted(set(labels_of_rows) - set(labels))
    if unknown:
        raise StillmotionError(f"{path}: no probabilities for the label {unknown[0]!r}; columns are for {list(labels)}")


def _check_probabilities(path: Path, videos: Sequence[str], probabilities: Floats) -> None:
    for row, reason in wrong_rows(probabilities):
        raise StillmotionError(f"{path}: row {row + FIRST_ROW}: a probability of the video {videos[row]!r} {reason}")


def _check_rows(
    path: Path, videos: Sequence[str], facts: Mapping[str, Sequence[str]], keys: Sequence[Sequence[str]]
) -> None:
    """Check that rows are unique, and that every video has one label and one group.

    `facts` holds the columns that must not vary within a video, `keys` those that distinguish its rows.
    """
    first_rows: dict[tuple[str, ...], int] = {}
    known: dict[str, dict[str, str]] = {name: {} for name in facts}
    for row, key in enumerate(zip(videos, *keys, strict=True)):
        video = videos[row]
        if not video:
            raise StillmotionError(f"{path}: row {row + FIRST_ROW} has no video")
        if first_rows.setdefault(key, row) != row:
            raise StillmotionError(
                f"{path}: rows {first_rows[key] + FIRST_ROW} and {row + FIRST_ROW} are both for the video {video!r}; "
                "give one row per video, or add a column 'window' or 'seed'"
            )
        for name, column in facts.items():
            if (before := known[name].setdefault(video, column[row])) != column[row]:
                raise StillmotionError(f"{path}: the video {video!r} has two {name}s: {before!r}, {column[row]!r}")


def _average(
    labels: tuple[str, ...], videos: Sequence[str], labels_of_rows: Sequence[str], groups: Sequence[str], rows: Floats
) -> Predictions:
    """Average the windows of each video, and sort the videos."""
    names = sorted(set(videos))
    place = {name: index for index, name in enumerate(names)}
    codes = np.array([place[video] for video in videos], dtype=np.intp)
    sums = np.zeros((len(names), len(labels)))
    np.add.at(sums, codes, rows)
    label_of = dict(zip(videos, labels_of_rows, strict=True))
    group_of = dict(zip(videos, groups, strict=True))
    return Predictions(
        videos=tuple(names),
        groups=tuple(group_of[name] for name in names),
        labels=labels,
        truth=np.array([labels.index(label_of[name]) for name in names], dtype=np.intp),
        probabilities=sums / np.bincount(codes, minlength=len(names))[:, None],
    )


def _texts(table: pa.Table, name: str) -> list[str]:
    return [_text(value) for value in table.column(name).to_pylist()]


def _text(value: object) -> str:
    """A cell as text; 1.0 is "1", as spreadsheets turn whole numbers into floats."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _numbers(table: pa.Table, name: str, path: Path) -> Floats:
    """A column of numbers; a decimal comma is understood."""
    column = table.column(name)
    if pa.types.is_string(column.type):
        column = pc.replace_substring(column, ",", ".")
    try:
        return np.array(column.cast(pa.float64()).to_pylist(), dtype=float)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values = table.column(name).to_pylist()
        row = next((row for row, value in enumerate(values) if not _is_number(value)), 0)
        raise StillmotionError(
            f"{path}: row {row + FIRST_ROW}: {name} is {str(values[row])[:50]!r}, which is not a number; a probability "
            "is from 0 to 1, such as 0.7 for 70 %"
        ) from None


def _is_number(value: object) -> bool:
    try:
        float(str(value).replace(",", "."))
    except ValueError:
        return value is None
    return True
