from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import decide
from stillmotion.statistics import holm


def test_one_video_shows_nothing_of_a_rare_label() -> None:
    """Eight labels; motion finds one video more of one of them, and one less of another."""
    labels = tuple("abcdefgh")
    right = np.ones(88, bool)
    still, motion = right.copy(), right.copy()
    still[0] = motion[1] = False
    groups = [str(i) for i in range(88)]
    verdict = decide([predictions(still, groups, labels)], [predictions(motion, groups, labels)])
    gained = {gain.label: round(gain.gain * gain.videos) for gain in verdict.labels}
    assert gained == {**dict.fromkeys(labels, 0), "a": 1, "b": -1}
    assert min(gain.p for gain in verdict.labels) > 0.1
    assert not any(gain.significant for gain in verdict.labels)
    assert min(pair.p_holm for pair in verdict.pairs) > 0.1
    separation = {gain.label: gain.separation_gain for gain in verdict.labels}
    assert separation["a"] == pytest.approx(0.5 * (1 / 11 + 0 / 77), abs=0.01)


def test_labels_that_motion_helps_and_pairs_that_only_motion_separates() -> None:
    """The still model separates a from the others, and guesses between b and c."""
    labels = ("a", "b", "c")
    n = 240
    groups = [f"g{i // 3}" for i in range(n)]
    sure = predictions([True] * n, groups, labels)
    rng = np.random.default_rng((0,))
    blurred = sure.probabilities.copy()
    unsure = sure.truth > 0
    blurred[unsure] = np.where(rng.random((unsure.sum(), 1)) < 0.5, [0.1, 0.5, 0.4], [0.1, 0.4, 0.5])
    verdict = decide([replace(sure, probabilities=blurred)], [sure])
    gains = {gain.label: gain for gain in verdict.labels}
    assert [gain.label for gain in verdict.labels if gain.significant] == [gain.label for gain in verdict.labels[:2]]
    assert not gains["a"].significant
    assert gains["b"].low > 0.2
    assert gains["b"].p_holm >= gains["b"].q_value >= gains["b"].p
    pairs = {pair.labels: pair for pair in verdict.pairs}
    assert [labels for labels, pair in pairs.items() if pair.only_motion] == [("b", "c")]
    assert pairs["b", "c"].still == pytest.approx(0.5, abs=0.1)
    assert pairs["a", "b"].still == 1.0
    assert verdict.pairs[0].labels == ("b", "c")


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_trainings_that_agree_show_no_more_than_one(seeds: int) -> None:
    """A label of one video in ten, of which motion finds two more."""
    truth = np.where(np.arange(100) % 10 == 0, 1, 0)
    sure = replace(predictions([True] * 100), truth=truth)
    right = np.ones(100, bool)
    right[[0, 10]] = False
    chances = np.where(truth[:, None] == [0, 1], 0.8, 0.2)
    motion = replace(sure, probabilities=chances)
    still = replace(sure, probabilities=np.where(right[:, None], chances, chances[:, ::-1]))
    verdict = decide([still] * seeds, [motion] * seeds)
    assert min(label.p_holm for label in verdict.labels) > 0.1
    assert min(pair.p_holm for pair in verdict.pairs) > 0.1
    assert not any(gain.significant for gain in verdict.labels)


def test_the_order_of_labels_does_not_count() -> None:
    labels = ("a", "b", "c")
    groups = [f"g{i // 3}" for i in range(60)]
    motion = predictions(np.arange(60) % 7 > 0, groups, labels)
    still = replace(motion, probabilities=np.full((60, 3), 1 / 3))
    turned = [
        replace(model, labels=labels[::-1], truth=2 - model.truth, probabilities=model.probabilities[:, ::-1])
        for model in (still, motion)
    ]
    gains = [{gain.label: gain for gain in decide([a], [b]).labels} for a, b in ((still, motion), turned)]
    for label in labels:
        assert gains[0][label].p_holm == pytest.approx(gains[1][label].p_holm)
        assert gains[0][label].separation_gain == pytest.approx(gains[1][label].separation_gain)


def test_nothing_helps_where_nothing_differs() -> None:
    run = predictions(np.arange(60) % 4 > 0, labels=("a", "b", "c"))
    verdict = decide([run], [run])
    assert not any(gain.significant for gain in verdict.labels)
    assert not any(pair.only_motion for pair in verdict.pairs)


def test_a_label_is_not_helped_by_a_model_that_always_gives_it() -> None:
    labels = ("a", "b", "c")
    run = predictions(np.arange(180) % 9 < 3, labels=labels)
    always = replace(run, probabilities=np.tile([1.0, 0.0, 0.0], (180, 1)))
    gains = {gain.label: gain for gain in decide([run], [always]).labels}
    assert gains["a"].low > 0
    assert not gains["a"].significant


def test_holm_and_benjamini_hochberg_are_in_their_own_columns() -> None:
    """p_holm is Holm's step-down p, q_value is Benjamini and Hochberg's; the second is never larger."""
    labels = tuple("abcdef")
    rng = np.random.default_rng((3,))
    groups = [f"g{i // 3}" for i in range(360)]
    still = predictions(rng.random(360) < 0.5, groups, labels)
    motion = predictions(
        rng.random(360) < np.array([0.9, 0.75, 0.65, 0.6, 0.55, 0.5])[np.arange(360) % 6], groups, labels
    )
    gains = decide([still], [motion]).labels
    p = np.array([gain.p for gain in gains])
    np.testing.assert_allclose([gain.p_holm for gain in gains], holm(p))
    order = np.argsort(p)
    stepped = p[order] * len(p) / np.arange(1, len(p) + 1)
    expected = np.empty_like(p)
    expected[order] = np.minimum.accumulate(stepped[::-1])[::-1]
    np.testing.assert_allclose([gain.q_value for gain in gains], expected)
    assert any(gain.q_value < gain.p_holm for gain in gains)


def test_pairs_are_motion_minus_still() -> None:
    labels = ("a", "b", "c")
    groups = [f"g{i // 3}" for i in range(120)]
    right, wrong = (predictions(np.full(120, correct), groups, labels) for correct in (True, False))
    better, worse = (decide([still], [motion]).pairs for still, motion in ((wrong, right), (right, wrong)))
    for pair in better:
        assert pair.still < pair.motion == 1.0
        assert pair.gain == pytest.approx(pair.motion - pair.still)
        assert pair.low <= pair.gain <= pair.high
    assert {pair.labels: round(pair.gain, 9) for pair in worse} == {
        pair.labels: round(-pair.gain, 9) for pair in better
    }


def test_labels_are_motion_minus_still_and_sorted_by_gain() -> None:
    labels = ("a", "b", "c")
    still = predictions(np.arange(120) % 3 == 0, labels=labels)
    motion = predictions(np.arange(120) % 3 != 0, labels=labels)
    gains = decide([still], [motion]).labels
    assert [(gain.label, gain.still, gain.motion, gain.gain) for gain in gains] == [
        ("b", 0.0, 1.0, 1.0),
        ("c", 0.0, 1.0, 1.0),
        ("a", 1.0, 0.0, -1.0),
    ]


def test_a_pair_that_the_still_model_separates_a_little_is_not_only_motions() -> None:
    """The still model is right in 70 % of the pair: its interval does not hold one half."""
    still, motion = predictions(np.arange(400) % 10 < 7), predictions(np.ones(400, bool))
    (pair,) = decide([still], [motion]).pairs
    assert pair.p_holm < 0.05
    assert pair.still_low > 0.5
    assert not pair.only_motion
    (pair,) = decide([predictions(np.arange(400) // 2 % 2 == 0)], [motion]).pairs
    assert pair.only_motion
