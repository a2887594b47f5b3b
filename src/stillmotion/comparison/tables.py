"""Tables of predictions from anywhere: `video, label, prob_<label>...`, and `group, window, seed` where there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stillmotion.comparison.predictions import Predictions, check_same_videos, read_predictions_by_seed
from stillmotion.errors import StillmotionError, UsageError


def read_models(paths: Sequence[Path | str]) -> dict[str, list[Predictions]]:
    """The models of tables, in order: a name for each and its predictions, one a seed, with labels in one order.

    A model is called after its file, or its folder and file where two files have one name.

    Raises:
        UsageError: no such file, or the same one twice.
        StillmotionError: a table that cannot be used, or tables of different videos, labels or groups.
    """
    files = [Path(path) for path in paths]
    for file in files:
        if str(file) == "-":
            raise UsageError("-: standard input is not read; save the table to a file")
        if file.is_dir():
            raise UsageError(f"{file}: a folder; give a table, such as the predictions.parquet of a run")
        if not file.is_file():
            raise UsageError(f"{file}: {'not a file; save the table first' if file.exists() else 'no such file'}")
    if len({file.resolve() for file in files}) < len(files):
        raise UsageError("the same table is given twice; give one for each model")
    found = {name: read_predictions_by_seed(file) for name, file in zip(_names(files), files, strict=True)}
    labels = next(iter(found.values()))[0].labels
    truth = {labels[index] for index in next(iter(found.values()))[0].truth}
    if len(truth) < 2:
        raise StillmotionError(
            f"{files[0]}: all videos have the label {truth.pop()!r}; it takes two or more to tell apart"
        )
    for name, file in zip(found, files, strict=True):
        other = found[name][0].labels
        if set(other) != set(labels):
            odd = sorted(set(other) ^ set(labels))[0]
            lacking = files[0] if odd in other else file
            raise StillmotionError(f"{lacking}: no column prob_{odd}; all tables need the same labels")
        found[name] = [_in_order(one, labels) for one in found[name]]
        try:
            check_same_videos([found[next(iter(found))][0], *found[name]])
        except StillmotionError as error:
            raise StillmotionError(f"{files[0]} and {file}: {error}") from None
    return found


def _in_order(one: Predictions, labels: tuple[str, ...]) -> Predictions:
    if one.labels == labels:
        return one
    place = {label: index for index, label in enumerate(labels)}
    order = [one.labels.index(label) for label in labels]
    truth = np.array([place[one.labels[index]] for index in one.truth], dtype=np.intp)
    return replace(one, labels=labels, truth=truth, probabilities=one.probabilities[:, order])


def _names(files: Sequence[Path]) -> list[str]:
    stems = [file.stem for file in files]
    longer = [f"{file.resolve().parent.name}/{file.stem}" for file in files]
    names = [long if stems.count(stem) > 1 else stem for stem, long in zip(stems, longer, strict=True)]
    return names if len(set(names)) == len(names) else [str(file) for file in files]
