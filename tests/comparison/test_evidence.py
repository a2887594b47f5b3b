"""Evidence from tables of perturbed clips and of predictions over time whose truth is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from helpers.predictions import Correct, predictions
from stillmotion.comparison import Predictions, gather_evidence
from stillmotion.comparison.measuring import Metric
from stillmotion.statistics import Floats

LABELS = ("a", "b", "c")
GROUPS = [f"g{i // 2}" for i in range(60)]


def run(right: Correct) -> Predictions:
    return predictions(right, GROUPS, LABELS)


def write_perturbed(path: Path, tables: dict[str, Predictions]) -> Path:
    rows = [
        {
            "video": video,
            "group": predicted.groups[i],
            "label": predicted.labels[predicted.truth[i]],
            "perturbation": name,
        }
        | {f"prob_{label}": float(predicted.probabilities[i, k]) for k, label in enumerate(predicted.labels)}
        for name, predicted in tables.items()
        for i, video in enumerate(predicted.videos)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_over_time(path: Path, predicted: NDArray[np.int_], confidence: Floats) -> Path:
    """Predicted labels and their probabilities, both `(videos, times)`, 0.2 s apart."""
    rows = [
        {"video": f"{i:04d}.mp4", "seconds": 0.2 * t}
        | {f"prob_{label}": float(confidence[i, t] if k == predicted[i, t] else (1 - confidence[i, t]) / 2)
           for k, label in enumerate(LABELS)}
        for i in range(predicted.shape[0]) for t in range(predicted.shape[1])
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_perturbing_and_retraining_are_kept_apart(tmp_path: Path) -> None:
    whole = run(np.arange(60) % 10 > 0)
    probes = write_perturbed(tmp_path / "p.parquet", {"whole": whole, "frozen": run(np.arange(60) % 3 == 0)})
    evidence = gather_evidence([probes], {"frozen": [run(np.arange(60) % 5 > 0)]}, [whole], {}, "still")
    assert [condition.name for condition in evidence.perturbed] == ["whole", "frozen"]
    assert evidence.perturbed[0].difference == 0
    assert evidence.perturbed[1].accuracy == pytest.approx(1 / 3)
    assert evidence.perturbed[1].high < 0
    assert [(condition.name, round(condition.accuracy, 3)) for condition in evidence.retrained] == [("frozen", 0.8)]
    assert evidence.best_frame is None


def test_evidence_is_measured_as_the_verdict_is(tmp_path: Path) -> None:
    """One video in ten is of a rare label. Shuffling loses all of these, and no other."""
    rare = np.arange(60) % 10 == 0
    truth = rare.astype(np.intp)
    whole, shuffled = (
        replace(run(np.ones(60, bool)), truth=truth, probabilities=np.eye(3)[found]) for found in (truth, 0 * truth)
    )
    path = write_perturbed(tmp_path / "p.parquet", {"whole": whole, "shuffled": shuffled})
    over_time = write_over_time(tmp_path / "m.parquet", np.zeros((60, 10), int), np.full((60, 10), 0.9))
    figures: list[tuple[Metric, float, float]] = [("accuracy", -0.1, 0.9), ("balanced", -0.5, 0.5)]
    for metric, fall, right in figures:
        evidence = gather_evidence([path], {}, [whole], {"still": [over_time]}, "still", metric)
        assert evidence.perturbed[1].difference == pytest.approx(fall)
        assert evidence.perturbed[1].accuracy == pytest.approx(1 + fall)
        assert evidence.best_frame is not None
        assert (evidence.best_frame.most_confident_frame, evidence.best_frame.motion) == pytest.approx((right, 1.0))


def test_one_frame_that_decides(tmp_path: Path) -> None:
    """One frame in ten shows the label and is sure; the others show a."""
    truth = np.arange(60) % 3
    shown, confidence = np.zeros((60, 10), int), np.full((60, 10), 0.5)
    shown[:, 4], confidence[:, 4] = truth, 0.95
    path = write_over_time(tmp_path / "m.parquet", shown, confidence)
    best_frame = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").best_frame
    assert best_frame is not None
    assert (best_frame.most_confident_frame, best_frame.oracle) == (1.0, 1.0)
    assert best_frame.average < 0.5
    assert best_frame.one_frame_decides


def test_a_frame_that_is_significantly_worse_than_motion_does_not_decide(tmp_path: Path) -> None:
    """It is right in two of three videos; in one of three it is not, and motion is."""
    truth = np.arange(60) % 3
    shown, confidence = np.zeros((60, 10), int), np.full((60, 10), 0.5)
    shown[:, 4], confidence[:, 4] = np.where(np.arange(60) // 3 % 3 > 0, truth, (truth + 1) % 3), 0.95
    path = write_over_time(tmp_path / "m.parquet", shown, confidence)
    best_frame = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").best_frame
    assert best_frame is not None
    assert best_frame.most_confident_frame == pytest.approx(0.65)
    assert best_frame.motion == 1.0
    assert best_frame.high < 0
    assert not best_frame.one_frame_decides


def test_a_guesser_is_right_on_some_frame_by_luck(tmp_path: Path) -> None:
    rng = np.random.default_rng((0,))
    shown = rng.integers(3, size=(60, 10))
    path = write_over_time(tmp_path / "m.parquet", shown, rng.uniform(0.4, 0.6, (60, 10)))
    evidence = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still")
    assert evidence.best_frame is not None
    assert evidence.best_frame.oracle > 0.95
    assert evidence.best_frame.oracle - evidence.best_frame.chance < 0.05
    assert not evidence.best_frame.one_frame_decides


def test_stability_counts_changes_and_neighbors(tmp_path: Path) -> None:
    truth = np.arange(60) % 3
    shown = np.repeat(truth[:, None], 10, axis=1)
    shown[:, 5] = (truth + 1) % 3  # wrong for one time of ten, 0.2 s apart
    path = write_over_time(tmp_path / "m.parquet", shown, np.full((60, 10), 0.8))
    stability = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").stability
    assert stability is not None
    assert stability["still"].pm_0 == pytest.approx(0.9)
    assert stability["still"].pm_k == pytest.approx(0.7)
    assert stability["still"].label_changes_per_second == pytest.approx(2 / 1.8)
    assert stability["still"].interval_seconds == pytest.approx(0.2)
    write_over_time(path, shown[:, :1], np.full((60, 1), 0.8))
    single = gather_evidence([], {}, [run(np.ones(60, bool))], {"still": [path]}, "still").stability
    assert single is not None
    assert (single["still"].pm_k, single["still"].interval_seconds) == (None, None)  # no time has a neighbor
