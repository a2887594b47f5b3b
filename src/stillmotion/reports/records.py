"""All that a page is made of: the comparison, and the files of its runs, as far as they are there."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from stillmotion.comparison import (
    Comparison,
    Predictions,
    compare,
    join_folds,
    kind_of,
    read_comparison,
    read_predictions,
)
from stillmotion.comparison.predictions import PROBABILITY, Floats, read_table
from stillmotion.errors import StillmotionError

COLOURS = {
    "still": ("--still", "--still-2"),
    "motion": ("--motion", "--motion-2", "--motion-3", "--motion-4"),
}
FIXED = {
    "frame_pool": "--still",
    "conv3d": "--motion",
    "cnn_rnn": "--motion-2",
}  # a family, a colour, on every page


@dataclass(frozen=True, eq=False)
class Moments:
    """A family's answer through time on one video. seconds: (k,). probabilities: (k, classes)."""

    seconds: Floats
    probabilities: Floats


@dataclass(frozen=True, eq=False)
class RunFiles:
    """A run's folder and what was found in it. `run` is run.json as it is."""

    folder: Path
    run: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    predictions: Predictions | None = None

    def moments(self, video: str) -> Moments | None:
        """Its answer through time on one test video, if that was recorded."""
        try:
            table = read_table(self.folder / "moments.parquet")
            mine = table.filter(pc.field("video") == video).sort_by("seconds")
            names = [name for name in mine.column_names if name.startswith(PROBABILITY)]
            columns = [mine.column(name).to_pylist() for name in names]
            found = Moments(np.array(mine.column("seconds").to_pylist(), float), np.array(columns, float).T)
        except (StillmotionError, KeyError, ValueError):
            return None
        return found if len(found.seconds) and names else None


@dataclass(frozen=True, eq=False)
class Record:
    """A comparison and its runs by family."""

    comparison: Comparison
    runs: Mapping[str, Sequence[RunFiles]] = field(default_factory=dict)
    name: str = ""

    @property
    def families(self) -> list[str]:
        """Still families first, then by accuracy."""
        figures = self.comparison.families
        return sorted(
            figures,
            key=lambda name: (figures[name].kind != "still", -(figures[name].figures.get("accuracy") or 0)),
        )

    @property
    def pair(self) -> tuple[str, str] | None:
        """The still and the motion family that the verdict compares."""
        verdict = self.comparison.verdict
        return (verdict.still, verdict.motion) if verdict else None

    def colour(self, family: str) -> str:
        """A CSS colour, the same for a family wherever it is shown."""
        if family in FIXED:
            return f"var({FIXED[family]})"
        kind = (
            self.comparison.families[family].kind if family in self.comparison.families else kind_of(family)
        )
        families = self.comparison.families
        others = [name for name in families if name not in FIXED and families[name].kind == kind]
        free = [colour for colour in COLOURS[kind] if colour not in FIXED.values()]
        return f"var({free[others.index(family) % len(free)] if family in others else free[0]})"

    def predictions(self, family: str) -> list[Predictions]:
        """One a seed; empty if any is missing."""
        runs = self.runs.get(family, ())
        found = [one.predictions for one in runs if one.predictions is not None]
        if len(found) < len(runs):
            return []
        return join_folds([(one.run.get("recipe") or {}).get("seed", i) for i, one in enumerate(runs)], found)

    def moments(self, family: str, video: str) -> Moments | None:
        """A family's answer through time, by the first run that tested the video."""
        found = (run.moments(video) for run in self.runs.get(family, ()))
        return next((one for one in found if one is not None), None)

    @property
    def first_run(self) -> Mapping[str, Any]:
        """run.json of the first run that has one; what all runs share is read from it."""
        return next((one.run for ones in self.runs.values() for one in ones if one.run), {})


def read_record(folder: Path) -> Record:
    """Read a comparison's folder, or a single run's. Missing files of runs are left out, not refused.

    Raises:
        StillmotionError: neither a comparison nor a run.
    """
    alone = not (folder / "comparison.json").exists() and (folder / "run.json").exists()
    comparison = compare([folder]) if alone else read_comparison(folder)
    runs = {
        name: tuple(_read_run(folder / path) for path in family.runs)
        for name, family in comparison.families.items()
    }
    return Record(comparison, runs, Path(str(comparison.data.get("root") or folder.resolve())).name)


def _read_run(folder: Path) -> RunFiles:
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        run = {}
    try:
        predictions = read_predictions(folder / "predictions.parquet")
    except StillmotionError:
        predictions = None
    return RunFiles(
        folder, run if isinstance(run, dict) else {}, _read_history(folder / "history.csv"), predictions
    )


def _read_history(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [{key: float(text) for key, text in row.items()} for row in csv.DictReader(lines)]
    except (OSError, ValueError, TypeError):
        return []
