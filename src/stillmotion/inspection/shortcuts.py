"""Does something beside the action tell the label? Then every model is flattered, still or motion."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, Stretch, cut, in_threads
from stillmotion.errors import UnreadableVideo

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


Interval = Callable[[NDArray[np.float64], NDArray[np.intp], float], tuple[float, float]]


def find_shortcuts(
    stretches: Sequence[Stretch],
    interval: Interval,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Shortcut]:
    """Predict labels from what should not tell them, each by itself: facts of the file, its length, brightness, the
    background without what moves, and the group.

    interval: gives the interval of a share of right answers by group at a level, as
    `comparison.intervals.proportion_interval`; the level is 95 % over all that is tried (Bonferroni).
    Decodes 16 small frames of each video. Empty if there are too few videos or groups to cross-validate.
    """
    labels = np.array([stretch.video.label or "" for stretch in stretches])
    most = max(Counter(labels.tolist()).values(), default=0)
    names, codes = np.unique([stretch.video.group for stretch in stretches], return_inverse=True)
    if len(stretches) < FEWEST or len(names) < FOLDS or len(set(labels)) < 2 or most < 2:
        return []
    pictures = in_threads(_background, stretches, progress)
    columns: dict[str, list[list[float]]] = {
        "the file's kind, size and rate": [_file_facts(stretch) for stretch in stretches],
        "how long it lasts": [[stretch.seconds] for stretch in stretches],
        "how bright it is": [light for light, _ in pictures],
        "the background alone": [picture.ravel().tolist() for _, picture in pictures],
    }
    level = 1 - 0.05 / (len(columns) + 1)
    guessing = most / len(labels)
    found = []
    for name, rows in columns.items():
        right = _cross_validated(np.array(rows), labels, codes, seed)
        found.append(_shortcut(name, right, guessing, interval(right, codes, level)))
    right = np.array([_from_its_group(row, labels, codes) for row in range(len(labels))])
    group = _shortcut("other videos of its group", right, guessing, interval(right, codes, level))
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


def _file_facts(stretch: Stretch) -> list[float]:
    """What the file says of itself. Not its bytes a second: the action makes those, and no model sees them."""
    facts = stretch.facts
    kinds = [float(sum(map(ord, text)) % 997) for text in (facts.container, facts.codec)]  # a number for a name
    return [*kinds, facts.width, facts.height, facts.rate, facts.rotation]


def _background(stretch: Stretch) -> tuple[list[float], NDArray[np.float64]]:
    """Mean light of the video and contrast of its middle frame; and the picture of what stays over it, tiny."""
    try:
        clip = cut(stretch.file, [stretch.window], ClipSpec(FRAMES, "spread", 2 * BACKGROUND_SIDE))[0]
    except UnreadableVideo:
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
