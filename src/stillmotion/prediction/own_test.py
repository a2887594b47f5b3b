"""What a run's own test says of it, for those who use the model later: whether it beat guessing at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stillmotion.data.tables import probability_column
from stillmotion.runs import Run
from stillmotion.statistics import estimate_mean, group_codes, proportion_interval

log = logging.getLogger(__name__)

# A label is named as missed if at least this share of its test videos was.
NAMED_MISSES = 0.5


@dataclass(frozen=True)
class OwnTest:
    """How well a run did on its own test part.

    Attributes:
        videos: number of test videos.
        groups: number of recordings that they come from.
        accuracy: the share of videos that were predicted correctly.
        guessing: the share of the most frequent label.
        beats_guessing: whether the accuracy is significantly above that, by the tests of the verdict.
        missed: of each label the share of its videos that were predicted as another.
    """

    videos: int
    groups: int
    accuracy: float
    guessing: float
    beats_guessing: bool
    missed: Mapping[str, float]

    @property
    def warning(self) -> str:
        """One line for people if the model did not significantly beat guessing, else empty."""
        if self.beats_guessing:
            return ""
        tested = f"{self.videos} video{'' if self.videos == 1 else 's'}"
        if self.groups < self.videos:
            tested += f" of {self.groups} recording{'' if self.groups == 1 else 's'}"
        label = max(self.missed, key=lambda label: self.missed[label])
        misses = f"; misses {100 * self.missed[label]:.0f} % of {label}" if self.missed[label] >= NAMED_MISSES else ""
        return (
            f"tested on {tested}: {100 * self.accuracy:.0f} %, not significantly better than guessing "
            f"({100 * self.guessing:.0f} %){misses}"
        )


def read_own_test(run: Run) -> OwnTest | None:
    """Read how well a run did on its own test part.

    Args:
        run: the run.

    Returns:
        The figures; None if it was not tested, or its predictions cannot be read.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not run.predictions_file.is_file():
        return None
    try:
        table = parquet.read_table(run.predictions_file)
        names, labels, groups = (table.column(name).to_pylist() for name in ("video", "label", "group"))
        windows = np.column_stack([table.column(probability_column(label)).to_numpy() for label in run.labels])
        windows = windows.astype(float)
        rows = {
            name: number for number, name in enumerate(names)
        }  # One row of each video; its truth is in all of them.
        truth = np.array([run.labels.index(labels[row]) for row in rows.values()])
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException):
        return None
    if not rows or not np.isfinite(windows).all():
        return None
    _, codes = group_codes([str(groups[row] or name) for name, row in rows.items()])
    numbers = {name: number for number, name in enumerate(rows)}
    sums = np.zeros((len(rows), len(run.labels)))
    np.add.at(sums, [numbers[name] for name in names], windows)
    likeliest = sums == sums.max(axis=1, keepdims=True)
    correct = (likeliest / likeliest.sum(axis=1, keepdims=True))[np.arange(len(truth)), truth]
    most_frequent = (truth == np.bincount(truth).argmax()).astype(float)
    guessing = float(most_frequent.mean())
    above = estimate_mean(correct - most_frequent, codes).interval()[0] > 0
    return OwnTest(
        videos=len(rows),
        groups=int(codes.max()) + 1,
        accuracy=float(correct.mean()),
        guessing=guessing,
        beats_guessing=bool(above or proportion_interval(correct, codes)[0] > guessing),
        missed={
            label: float(1 - correct[truth == number].mean())
            for number, label in enumerate(run.labels)
            if (truth == number).any()
        },
    )


def warn_of_weakness(run: Run) -> None:
    """Log in one line that a run's test did not significantly beat guessing, if so."""
    test = read_own_test(run)
    if test is not None and test.warning:
        log.warning("%s", test.warning)
