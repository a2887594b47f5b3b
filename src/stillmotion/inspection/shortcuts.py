"""Find out whether something other than the action predicts the label, which makes every model look better than it is.

A shortcut is what a model may learn instead of the action, for example the room in which all videos of one label were
recorded.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import OpenedVideos, Segment, open_videos, thread_map
from stillmotion.data import Videos
from stillmotion.formatting import listed
from stillmotion.inspection.measures import MEASURES, MeasureName, Numbers, SampledVideo
from stillmotion.progress import Progress, no_progress
from stillmotion.statistics.intervals import proportion_interval

ShortcutKind = MeasureName | Literal["group"]
SHORTCUT_NAMES: Mapping[ShortcutKind, str] = MappingProxyType(
    {**{name: measure.words for name, measure in MEASURES.items()}, "group": "other videos of the same group"}
)

ALPHA = 0.05
MIN_VIDEOS = 10
FOLDS = 5
TREES = 100


@dataclass(frozen=True)
class Shortcut:
    """How well one property of the videos, other than the action, predicts the label on its own.

    Attributes:
        kind: which property.
        accuracy: cross-validated by group.
        guessing: the accuracy of always predicting the most frequent label.
        low: the lower end of the 95 % interval of the accuracy, simultaneous for all properties.
        high: the upper end.
        predicts_label: whether the accuracy is significantly above guessing.
        expected: whether that is no reason to warn. A group often has one label, and this cannot inflate test results,
            since groups are never split between training and test.

    Examples:
        >>> shortcut = sm.Shortcut("brightness", 0.9, 0.5, low=0.8, high=0.95, predicts_label=True)
        >>> shortcut.name, shortcut.warns
        ('the brightness', True)
    """

    kind: ShortcutKind
    accuracy: float
    guessing: float
    low: float
    high: float
    predicts_label: bool
    expected: bool = False

    @property
    def name(self) -> str:
        """The property in words."""
        return SHORTCUT_NAMES[self.kind]

    @property
    def warns(self) -> bool:
        """Whether the data set may make every model look better than it is."""
        return self.predicts_label and not self.expected


def find_shortcuts(
    videos: Videos | OpenedVideos | str | Path, *, seed: int = 0, progress: Progress = no_progress
) -> list[Shortcut]:
    """Predict labels from each property that should not predict them.

    The properties are facts of the file, its sound, its keyframes and its duration, the brightness, black borders,
    burnt-in text, the camera's motion, the background without what moves, and the labels of other videos of the group.
    This decodes 16 frames of each video.

    Args:
        videos: a labeled data set, opened or not, or its folder or table.
        seed: of the classifier and of the folds.
        progress: receives the number of videos decoded so far.

    Returns:
        One entry per property, with its 95 % interval, corrected for the number of those in which videos differ
        (Bonferroni). The list is empty if there are too few videos or groups to cross-validate.

    Raises:
        UsageError: there is no such data set.

    Examples:
        >>> [shortcut.name for shortcut in sm.find_shortcuts("clips/") if shortcut.warns]
        [...]
    """
    segments = open_videos(videos, progress=progress).segments
    labels = np.array([segment.video.label or "" for segment in segments])
    most_frequent = max(Counter(labels.tolist()).values(), default=0)
    groups, codes = np.unique([segment.video.group for segment in segments], return_inverse=True)
    if len(segments) < MIN_VIDEOS or len(groups) < FOLDS or len(set(labels)) < 2 or most_frequent < 2:
        return []
    measured = thread_map(_measure, segments, progress, "looking for shortcuts")
    features = {
        name: measure.features(np.array([numbers[name] for numbers in measured])) for name, measure in MEASURES.items()
    }
    correct: dict[ShortcutKind, NDArray[np.float64]] = {
        name: _cross_validate(rows, labels, codes, seed) for name, rows in features.items()
    }
    correct["group"] = np.array([_predicted_by_group(row, labels, codes) for row in range(len(labels))])
    guessing = most_frequent / len(labels)
    # What all videos have in common can predict nothing, and needs no correction.
    varying = 1 + sum(_varies(rows) for rows in features.values())
    shortcuts = []
    for kind, right in correct.items():
        low, high = proportion_interval(right, codes, 1 - ALPHA / varying)
        shortcuts.append(
            Shortcut(kind, float(right.mean()), guessing, low, high, low > guessing, expected=kind == "group")
        )
    return shortcuts


def describe_shortcuts(shortcuts: Sequence[Shortcut]) -> str:
    """Describe the shortcuts that warn.

    Args:
        shortcuts: as `find_shortcuts` returns them.

    Returns:
        One sentence without a full stop, with the best predictor first; empty if none warns.
    """
    warning = sorted((shortcut for shortcut in shortcuts if shortcut.warns), key=lambda shortcut: -shortcut.accuracy)
    if not warning:
        return ""
    names = listed([f"{shortcut.name} ({100 * shortcut.accuracy:.0f} %)" for shortcut in warning])
    subject = f"{names} each predict" if len(warning) > 1 else f"{names} predicts"
    return (
        f"{subject} the label, where guessing is right in {100 * warning[0].guessing:.0f} %. If that is not what the "
        "labels mean, models may learn it in place of the action, and look better than they are"
    )


def _measure(segment: Segment) -> dict[MeasureName, Numbers]:
    video = SampledVideo(segment)
    return {name: measure.numbers(video) for name, measure in MEASURES.items()}


def _cross_validate(
    features: NDArray[np.float64], labels: NDArray[np.str_], codes: NDArray[np.intp], seed: int
) -> NDArray[np.float64]:
    """`(n,)` 1 where a forest that was trained without the video's group predicts its label."""
    if not _varies(features):
        return np.array(labels == Counter(labels.tolist()).most_common(1)[0][0], float)
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    forest = ExtraTreesClassifier(TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed)
    most_frequent = max(Counter(labels.tolist()).values())
    folds = StratifiedGroupKFold(min(FOLDS, most_frequent), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels that are too rare for even folds
        predicted = cross_val_predict(forest, features, labels, groups=codes, cv=folds)
    right: NDArray[np.float64] = (predicted == labels).astype(float)
    return right


def _varies(features: NDArray[np.float64]) -> bool:
    """Whether not all videos are alike, as they are in sound if none has any."""
    return len(np.unique(features, axis=0)) > 1


def _predicted_by_group(row: int, labels: NDArray[np.str_], codes: NDArray[np.intp]) -> float:
    """1 if most other videos of a video's group have its label; 0 if not, or if it is alone in its group."""
    other_labels = labels[(codes == codes[row]) & (np.arange(len(labels)) != row)]
    return float(len(other_labels) > 0 and Counter(other_labels.tolist()).most_common(1)[0][0] == labels[row])
