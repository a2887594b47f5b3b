"""Does something beside the action tell the label? Then every model is flattered, still or motion."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, OpenedVideos, Segment, open_videos, read_clips, thread_map
from stillmotion.data import Videos
from stillmotion.errors import UnreadableVideoError
from stillmotion.progress import Progress, no_progress
from stillmotion.statistics.intervals import proportion_interval

BACKGROUND_SIDE = 8  # pixels: a picture so small shows where and how it was filmed, hardly what
FRAMES = 16
MUCH, LEAST = 2.5, 8.0  # times what half of the picture changes, and levels of 255: more is movement
FOLDS = 5
FEWEST = 10  # videos


@dataclass(frozen=True)
class Shortcut:
    """How well one thing alone predicts the label, cross-validated by group. leaks: surely better than guessing.

    guessing: the accuracy of always giving the most frequent label. low, high: interval of the accuracy, 95 % over all
    that was tried. harmless: it leaks only where groups are split, and they never are.
    """

    name: str
    accuracy: float
    guessing: float
    low: float
    high: float
    leaks: bool
    harmless: bool = False

    @property
    def warns(self) -> bool:
        """Whether it flatters every model."""
        return self.leaks and not self.harmless


def find_shortcuts(videos: Videos | OpenedVideos, *, seed: int = 0, progress: Progress = no_progress) -> list[Shortcut]:
    """Predict labels from what should not tell them, each by itself: facts of the file, its length, brightness, the
    background without what moves, and the group.

    Decodes 16 small frames of each video.

    Args:
        videos: a labelled data set, opened or not.
        seed: of the classifier and of the folds.
        progress: receives the number of videos looked at.

    Returns:
        One entry per candidate, with its interval at 95 % over all candidates (Bonferroni); empty if there are too
        few videos or groups to cross-validate.
    """
    segments = open_videos(videos, progress=progress).segments
    labels = np.array([segment.video.label or "" for segment in segments])
    most = max(Counter(labels.tolist()).values(), default=0)
    names, codes = np.unique([segment.video.group for segment in segments], return_inverse=True)
    if len(segments) < FEWEST or len(names) < FOLDS or len(set(labels)) < 2 or most < 2:
        return []
    pictures = thread_map(_background, segments, progress, "looking for shortcuts")
    columns: dict[str, list[list[float]]] = {
        "the file's kind, size and rate": [_file_facts(segment) for segment in segments],
        "how long it lasts": [[segment.seconds] for segment in segments],
        "how bright it is": [light for light, _ in pictures],
        "the background alone": [picture.ravel().tolist() for _, picture in pictures],
    }
    level = 1 - 0.05 / (len(columns) + 1)
    guessing = most / len(labels)
    found = []
    for name, rows in columns.items():
        right = _cross_validated(np.array(rows), labels, codes, seed)
        found.append(_shortcut(name, right, guessing, proportion_interval(right, codes, level)))
    right = np.array([_from_its_group(row, labels, codes) for row in range(len(labels))])
    group = _shortcut("other videos of its group", right, guessing, proportion_interval(right, codes, level))
    return [*found, replace(group, harmless=True)]


def describe_shortcuts(found: Sequence[Shortcut]) -> list[str]:
    """One line on all that warn, the surest first; none if none does."""
    leaks = sorted((one for one in found if one.warns), key=lambda one: -one.accuracy)
    if not leaks:
        return []
    named = ", ".join(f"{one.name} ({100 * one.accuracy:.0f} %)" for one in leaks)
    return [
        f"{named} {'predicts' if len(leaks) == 1 else 'each predict'} the label, where guessing is right in "
        f"{100 * leaks[0].guessing:.0f} %: unless that is what the label means, the data set leaks, and flatters every "
        "model"
    ]


def _shortcut(name: str, right: NDArray[np.float64], guessing: float, span: tuple[float, float]) -> Shortcut:
    return Shortcut(name, float(right.mean()), guessing, *span, leaks=span[0] > guessing)


def _file_facts(segment: Segment) -> list[float]:
    """What the file says of itself. Not its bytes a second: the action makes those, and no model sees them."""
    facts = segment.facts
    kinds = [float(sum(map(ord, text)) % 997) for text in (facts.container, facts.codec)]  # a number for a name
    return [*kinds, facts.width, facts.height, facts.rate, facts.rotation]


def _background(segment: Segment) -> tuple[list[float], NDArray[np.float64]]:
    """Mean light of the video and contrast of its middle frame; and the picture of what stays over it, tiny."""
    try:
        clip = read_clips(segment.file, [segment.window], ClipSpec(FRAMES, "spread", 2 * BACKGROUND_SIDE))[0]
    except UnreadableVideoError:
        return [0.0, 0.0], np.zeros((BACKGROUND_SIDE, BACKGROUND_SIDE, 3))
    light = [float(clip.mean()), float(clip[FRAMES // 2].std())]
    halves = _what_stays(clip).reshape(BACKGROUND_SIDE, 2, BACKGROUND_SIDE, 2, 3)
    small: NDArray[np.float64] = halves.mean(axis=(1, 3))
    return light, small


def _what_stays(clip: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(height, width, 3): the median of the frames, where something moves that of the nearest place where nothing does.

    For what moves slowly stays in a median, and tells slow from fast. A place moves that changes, beside the light of
    all, much more than half of the picture does; where the camera moves, none stands out.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    change = np.ptp(clip - np.median(clip, axis=(1, 2), keepdims=True), axis=0).max(axis=-1)
    moves = binary_dilation(change > np.maximum(MUCH * np.median(change), LEAST))
    middle: NDArray[np.float64] = np.median(clip, axis=0)
    if moves.all():
        return middle
    nearest = distance_transform_edt(moves, return_distances=False, return_indices=True)
    stays: NDArray[np.float64] = middle[tuple(nearest)]
    return stays


def _cross_validated(
    rows: NDArray[np.float64], labels: NDArray[np.str_], codes: NDArray[np.intp], seed: int
) -> NDArray[np.float64]:
    """(n,) 1 where a forest that never saw the video's group names its label."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    forest = ExtraTreesClassifier(100, min_samples_leaf=2, class_weight="balanced", random_state=seed)
    most = max(Counter(labels.tolist()).values())
    folds = StratifiedGroupKFold(min(FOLDS, most), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rare labels make folds uneven
        found = cross_val_predict(forest, rows, labels, groups=codes, cv=folds)
    right: NDArray[np.float64] = (found == labels).astype(float)
    return right


def _from_its_group(row: int, labels: NDArray[np.str_], codes: NDArray[np.intp]) -> float:
    """1 where most other videos of its group have its label; a video alone in its group is not told."""
    others = labels[(codes == codes[row]) & (np.arange(len(labels)) != row)]
    return float(len(others) > 0 and Counter(others.tolist()).most_common(1)[0][0] == labels[row])
