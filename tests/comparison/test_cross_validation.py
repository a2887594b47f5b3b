import numpy as np
import pytest

from helpers.predictions import predictions, some_videos
from stillmotion.comparison import join_folds
from stillmotion.errors import StillmotionError

WHOLE = predictions(np.arange(60) % 4 > 0, labels=("a", "b", "c"))
EVEN = np.arange(60) % 2 == 0


def test_folds_of_one_seed_are_joined() -> None:
    (joined,) = join_folds([0, 0], [some_videos(WHOLE, ~EVEN), some_videos(WHOLE, EVEN)])
    assert joined.videos == WHOLE.videos
    assert joined.groups == WHOLE.groups
    np.testing.assert_array_equal(joined.correct, WHOLE.correct)


def test_seeds_are_kept_apart() -> None:
    folds = [some_videos(WHOLE, part) for part in (EVEN, ~EVEN)]
    assert len(join_folds([0, 1], [WHOLE, WHOLE])) == 2
    assert len(join_folds([0, 0], [WHOLE, WHOLE])) == 2
    assert [len(joined.videos) for joined in join_folds([0, 0, 1, 1], [*folds, *folds])] == [60, 60]


def test_overlapping_folds_are_refused() -> None:
    overlapping = some_videos(WHOLE, EVEN | (np.arange(60) < 20))
    with pytest.raises(StillmotionError, match="10 videos were tested in more than one fold"):
        join_folds([0, 0], [some_videos(WHOLE, ~EVEN), overlapping])


def test_folds_of_different_labels_are_refused() -> None:
    other_labels = predictions(np.ones(60, bool), labels=("a", "b"))
    with pytest.raises(StillmotionError, match="the folds have different labels"):
        join_folds([0, 0], [some_videos(WHOLE, EVEN), some_videos(other_labels, ~EVEN)])
