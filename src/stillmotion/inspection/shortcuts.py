"""Find out whether something other than the action predicts the label, which makes every model look better than it is.

A shortcut is what a model may learn instead of the action, for example the room in which all videos of one label were
recorded.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, OpenedVideos, Segment, open_videos, read_clips, thread_map
from stillmotion.data import Videos
from stillmotion.errors import UnreadableVideoError
from stillmotion.progress import Progress, no_progress
from stillmotion.statistics.intervals import proportion_interval

ShortcutKind = Literal["file", "duration", "brightness", "background", "group"]
SHORTCUT_NAMES: Mapping[ShortcutKind, str] = MappingProxyType(
    {
        "file": "the file's format, size and frame rate",
        "duration": "the duration",
        "brightness": "the brightness",
        "background": "the background alone",
        "group": "other videos of the same group",
    }
)

ALPHA = 0.05
MIN_VIDEOS = 10
FOLDS = 5
TREES = 100
FRAMES = 16
# An image of so few pixels shows where and how a video was recorded, and hardly what happens in it.
BACKGROUND_SIDE = 8
# A pixel moves if it changes by this many times what the median pixel changes by, and by this many levels of 255.
MOTION_RATIO, MIN_MOTION_LEVELS = 2.5, 8.0


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


def find_shortcuts(videos: Videos | OpenedVideos, *, seed: int = 0, progress: Progress = no_progress) -> list[Shortcut]:
    """Predict labels from each property that should not predict them.

    The properties are facts of the file, its duration, its brightness, the background without what moves, and the
    labels of other videos of the group. This decodes 16 small frames of each video.

    Args:
        videos: a labeled data set, opened or not.
        seed: of the classifier and of the folds.
        progress: receives the number of videos decoded so far.

    Returns:
        One entry per property, with its 95 % interval, corrected for their number (Bonferroni). The list is empty if
        there are too few videos or groups to cross-validate.
    """
    segments = open_videos(videos, progress=progress).segments
    labels = np.array([segment.video.label or "" for segment in segments])
    most_frequent = max(Counter(labels.tolist()).values(), default=0)
    groups, codes = np.unique([segment.video.group for segment in segments], return_inverse=True)
    if len(segments) < MIN_VIDEOS or len(groups) < FOLDS or len(set(labels)) < 2 or most_frequent < 2:
        return []
    pictures = thread_map(_measure_picture, segments, progress, "looking for shortcuts")
    features: dict[ShortcutKind, list[list[float]]] = {
        "file": [_file_features(segment) for segment in segments],
        "duration": [[segment.seconds] for segment in segments],
        "brightness": [brightness for brightness, _ in pictures],
        "background": [background.ravel().tolist() for _, background in pictures],
    }
    correct: dict[ShortcutKind, NDArray[np.float64]] = {
        kind: _cross_validate(np.array(rows), labels, codes, seed) for kind, rows in features.items()
    }
    correct["group"] = np.array([_predicted_by_group(row, labels, codes) for row in range(len(labels))])
    guessing = most_frequent / len(labels)
    shortcuts = []
    for kind, right in correct.items():
        low, high = proportion_interval(right, codes, 1 - ALPHA / len(correct))
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
    *names, last = [f"{shortcut.name} ({100 * shortcut.accuracy:.0f} %)" for shortcut in warning]
    subject = f"{', '.join(names)} and {last} each predict" if names else f"{last} predicts"
    return (
        f"{subject} the label, where guessing is right in {100 * warning[0].guessing:.0f} %. Unless that is what the "
        "labels mean, the data set gives them away, and every model looks better than it is"
    )


def _file_features(segment: Segment) -> list[float]:
    """What the header says. The bit rate is not used: it depends on the action, and no model sees it."""
    facts = segment.facts
    # A forest needs numbers: any that differ for different names will do.
    names = [float(sum(map(ord, name)) % 997) for name in (facts.container, facts.codec)]
    return [*names, facts.width, facts.height, facts.rate, facts.rotation]


def _measure_picture(segment: Segment) -> tuple[list[float], NDArray[np.float64]]:
    """The mean brightness of a segment and the contrast of its middle frame; its background `(side, side, 3)`."""
    try:
        clip = read_clips(segment.file, [segment.window], ClipSpec(FRAMES, "spread", 2 * BACKGROUND_SIDE))[0]
    except UnreadableVideoError:
        return [0.0, 0.0], np.zeros((BACKGROUND_SIDE, BACKGROUND_SIDE, 3))
    brightness = [float(clip.mean()), float(clip[FRAMES // 2].std())]
    # Motion is found at twice the size, then halved: a small object would vanish at once.
    blocks = _remove_motion(clip).reshape(BACKGROUND_SIDE, 2, BACKGROUND_SIDE, 2, 3)
    background: NDArray[np.float64] = blocks.mean(axis=(1, 3))
    return brightness, background


def _remove_motion(clip: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The median of the frames `(height, width, 3)`; where something moves, that of the nearest pixel without motion.

    What moves slowly stays visible in a median, which would show how fast it is. A pixel moves if it changes much more
    than the median pixel does, apart from changes of the light. If the camera moves, no pixel stands out.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    change = np.ptp(clip - np.median(clip, axis=(1, 2), keepdims=True), axis=0).max(axis=-1)
    moves = binary_dilation(change > np.maximum(MOTION_RATIO * np.median(change), MIN_MOTION_LEVELS))
    median: NDArray[np.float64] = np.median(clip, axis=0)
    if moves.all():
        return median
    nearest = distance_transform_edt(moves, return_distances=False, return_indices=True)
    still: NDArray[np.float64] = median[tuple(nearest)]
    return still


def _cross_validate(
    features: NDArray[np.float64], labels: NDArray[np.str_], codes: NDArray[np.intp], seed: int
) -> NDArray[np.float64]:
    """`(n,)` 1 where a forest that was trained without the video's group predicts its label."""
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


def _predicted_by_group(row: int, labels: NDArray[np.str_], codes: NDArray[np.intp]) -> float:
    """1 if most other videos of a video's group have its label; 0 if not, or if it is alone in its group."""
    other_labels = labels[(codes == codes[row]) & (np.arange(len(labels)) != row)]
    return float(len(other_labels) > 0 and Counter(other_labels.tolist()).most_common(1)[0][0] == labels[row])
