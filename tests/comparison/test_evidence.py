"""What kind of evidence: tables of probes and moments whose truth is known."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import (
    BestFrameEvidence,
    ConditionResult,
    Evidence,
    Predictions,
    Verdict,
    decide,
    gather_evidence,
    join_folds,
    recommend,
    require_motion_evidence,
)
from stillmotion.errors import StillmotionError

LABELS = ("a", "b", "c")
GROUPS = [f"g{i // 2}" for i in range(60)]


def run(right: np.ndarray) -> Predictions:
    return predictions(right, GROUPS, LABELS)


def write_probes(path: Path, tables: dict[str, Predictions]) -> Path:
    rows = [
        {"video": video, "group": one.groups[i], "label": one.labels[one.truth[i]], "perturbation": name}
        | {f"prob_{label}": float(one.probabilities[i, k]) for k, label in enumerate(one.labels)}
        for name, one in tables.items()
        for i, video in enumerate(one.videos)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_moments(path: Path, answers: np.ndarray, sure: np.ndarray) -> Path:
    """answers: (videos, moments) int. sure: (videos, moments) probability of the answer."""
    rows = [
        {"video": f"{i:04d}.mp4", "seconds": 0.2 * t}
        | {f"prob_{label}": float(sure[i, t] if k == answers[i, t] else (1 - sure[i, t]) / 2)
           for k, label in enumerate(LABELS)}
        for i in range(answers.shape[0]) for t in range(answers.shape[1])
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_tampering_and_retraining_are_kept_apart(tmp_path: Path) -> None:
    whole = run(np.arange(60) % 10 > 0)
    probes = write_probes(tmp_path / "p.parquet", {"whole": whole, "frozen": run(np.arange(60) % 3 == 0)})
    found = gather_evidence([probes], {"frozen": [run(np.arange(60) % 5 > 0)]}, [whole], {}, "still")
    assert [one.name for one in found.tampered] == ["whole", "frozen"]
    assert found.tampered[0].difference == 0
    assert found.tampered[1].accuracy == pytest.approx(1 / 3)
    assert found.tampered[1].high < 0
    assert [(one.name, round(one.accuracy, 3)) for one in found.retrained] == [("frozen", 0.8)]
    assert found.moment is None


def test_one_frame_that_decides(tmp_path: Path) -> None:
    """One frame in ten shows the label and is sure; the others say a."""
    truth = np.arange(60) % 3
    answers, sure = np.zeros((60, 10), int), np.full((60, 10), 0.5)
    answers[:, 4], sure[:, 4] = truth, 0.95
    path = write_moments(tmp_path / "m.parquet", answers, sure)
    moment = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").moment
    assert moment is not None
    assert (moment.surest, moment.oracle) == (1.0, 1.0)
    assert moment.average < 0.5
    assert moment.one_frame_decides


def test_a_frame_that_is_surely_worse_than_motion_does_not_decide(tmp_path: Path) -> None:
    """It is right in two of three videos; in one of three it is not, and motion is."""
    truth = np.arange(60) % 3
    answers, sure = np.zeros((60, 10), int), np.full((60, 10), 0.5)
    answers[:, 4], sure[:, 4] = np.where(np.arange(60) // 3 % 3 > 0, truth, (truth + 1) % 3), 0.95
    path = write_moments(tmp_path / "m.parquet", answers, sure)
    moment = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").moment
    assert moment is not None
    assert moment.surest == pytest.approx(0.65)
    assert moment.motion == 1.0
    assert moment.high < 0
    assert not moment.one_frame_decides


def test_a_guesser_is_right_on_some_frame_by_luck(tmp_path: Path) -> None:
    rng = np.random.default_rng((0,))
    answers = rng.integers(3, size=(60, 10))
    path = write_moments(tmp_path / "m.parquet", answers, rng.uniform(0.4, 0.6, (60, 10)))
    found = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still")
    assert found.moment is not None
    assert found.moment.oracle > 0.95
    assert found.moment.oracle - found.moment.chance < 0.05
    assert not found.moment.one_frame_decides


def test_steadiness_counts_changes_and_neighbours(tmp_path: Path) -> None:
    truth = np.arange(60) % 3
    answers = np.repeat(truth[:, None], 10, axis=1)
    answers[:, 5] = (truth + 1) % 3  # wrong for one moment of ten, 0.2 s apart
    path = write_moments(tmp_path / "m.parquet", answers, np.full((60, 10), 0.8))
    steady = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").steadiness
    assert steady is not None
    assert steady["still"].pm_0 == pytest.approx(0.9)
    assert steady["still"].pm_k == pytest.approx(0.7)
    assert steady["still"].flips == pytest.approx(2 / 1.8)
    assert steady["still"].every == pytest.approx(0.2)
    pq.write_table(pq.read_table(path).filter(pa.compute.equal(pq.read_table(path)["seconds"], 0.0)), path)
    once = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").steadiness
    assert once is not None
    assert (once["still"].pm_k, once["still"].every) == (None, None)  # no moment has a neighbour


def test_folds_are_joined_and_overlaps_refused() -> None:
    whole = run(np.arange(60) % 4 > 0)
    parts = [part(whole, np.arange(60) % 2 == k) for k in (1, 0)]
    (joined,) = join_folds([0, 0], parts)
    assert joined.videos == whole.videos
    np.testing.assert_array_equal(joined.right, whole.right)
    assert len(join_folds([0, 1], [whole, whole])) == len(join_folds([0, 0], [whole, whole])) == 2
    with pytest.raises(StillmotionError, match="10 videos were tested in more than one fold"):
        join_folds([0, 0], [parts[0], part(whole, (np.arange(60) % 2 == 0) | (np.arange(60) < 20))])


def part(one: Predictions, mask: np.ndarray) -> Predictions:
    rows = np.flatnonzero(mask).tolist()
    return Predictions(
        tuple(one.videos[i] for i in rows), tuple(one.groups[i] for i in rows), one.labels, one.truth[rows],
        one.probabilities[rows],
    )  # fmt: skip


def test_the_cheapest_that_is_not_worse_is_recommended() -> None:
    good, like, bad = (run(np.arange(60) % m != 1) for m in (30, 30, 2))
    answers = {"dear": [good], "cheap": [like], "cheapest": [bad]}
    costs = {"dear": 9.0, "cheap": 3.0, "cheapest": 1.0}
    found = recommend(answers, costs, 0.2)
    assert found is not None
    assert found.family == "cheap"
    assert found.front == ("cheapest", "cheap")
    strict = recommend(answers | {"dear": [run(np.ones(60, bool))]}, costs, 0.0)
    assert strict is not None
    assert strict.family == strict.best == "dear"
    assert recommend(answers, costs | {"cheap": None}, 0.2) is None


def test_the_more_cheap_models_are_asked_the_surer_they_must_be() -> None:
    good, like, bad = run(np.ones(60, bool)), run(np.arange(60) % 30 != 1), run(np.arange(60) % 2 != 1)
    alone = recommend({"dear": [good], "cheap": [like]}, {"dear": 9.0, "cheap": 3.0}, 0.2)
    both = recommend({"dear": [good], "cheap": [like], "bad": [bad]}, {"dear": 9.0, "cheap": 3.0, "bad": 1.0}, 0.2)
    assert alone is not None and both is not None
    assert alone.family == both.family == "cheap"
    assert both.loss_high > alone.loss_high


def test_a_gain_that_rests_on_one_moment_is_no_need_of_motion() -> None:
    """Half of the videos show their moment in either half of the clip; the order of frames does not matter."""
    still, whole = run(np.arange(60) % 3 == 0), run(np.ones(60, bool))
    verdict = decide([still], [whole], names=("pool", "conv"))
    assert verdict.answer == "motion needed"

    def tempered(shuffled: float, first: float, last: float, width: float = 0.1) -> Verdict:
        falls = {"shuffled": shuffled, "first half only": first, "last half only": last}
        return require_motion_evidence(
            verdict,
            Evidence(tampered=tuple(ConditionResult(name, 1 + fall, fall, fall - width, fall + width)
                                    for name, fall in falls.items())),
        )  # fmt: skip

    moment = tempered(-0.05, -0.35, -0.3)
    assert moment.answer == "undecided"
    assert moment.by_moment
    assert moment.sentence.startswith("Undecided: the motion model conv gets 100 %")
    assert "the right moment rather than motion" in moment.sentence
    assert tempered(-0.6, -0.35, -0.3) == verdict  # the order counts
    assert tempered(-0.05, -0.02, -0.3) == verdict  # half a clip holds all of it: change anywhere
    assert tempered(-0.05, -0.35, -0.3, width=0.4) == verdict  # too few videos to say
    for high, answer in ((-0.02, "undecided"), (-0.06, "motion needed")):
        looking = ConditionResult("pool=max", 0.8, -0.1, -0.2, high)
        found = require_motion_evidence(verdict, Evidence(looking=looking))
        assert (found.answer, found.by_moment) == (answer, answer == "undecided")
    assert (
        "pool trained to look for the right moment gets 80 %"
        in require_motion_evidence(
            verdict, Evidence(looking=ConditionResult("pool=max", 0.8, -0.1, -0.2, 0.0))
        ).sentence
    )
    sure = BestFrameEvidence(0.2, 0.3, 1.0, 1.0, 0.1, 1.0, -0.05, 0.05, one_frame_decides=True)
    ruled_out = Evidence(moment=sure, looking=ConditionResult("pool=max", 0.3, -0.7, -0.8, -0.5))
    assert require_motion_evidence(verdict, ruled_out) == verdict  # what was trained tells more than what one frame may
    assert require_motion_evidence(verdict, Evidence(moment=sure)).by_moment
    undecided = decide([whole], [whole])
    assert require_motion_evidence(undecided, Evidence(moment=sure)) == undecided
