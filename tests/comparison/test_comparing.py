import json
from pathlib import Path

import pytest

from helpers.predictions import predictions, write_run
from stillmotion.comparison import Predictions, compare, read_comparison, write_comparison
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.reports import write_report

STILL, HALF, GOOD = [False] * 40, [True, False] * 20, [True] * 40


def test_best_motion_family_is_chosen_on_validation_never_on_test(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "runs/frame_pool-seed0", predictions(STILL), "frame_pool", validation=0.1),
        write_run(tmp_path / "runs/conv3d-seed0", predictions(GOOD), "conv3d", validation=0.8),
        write_run(tmp_path / "runs/cnn_rnn-seed0", predictions(HALF), "cnn_rnn", validation=0.9),
        write_run(tmp_path / "runs/cnn_rnn-seed1", predictions(HALF), "cnn_rnn", seed=1, validation=0.9),
    ]
    found = compare(runs, relative_to=tmp_path)
    assert found.verdict is not None
    assert (found.verdict.still, found.verdict.motion) == ("frame_pool", "cnn_rnn")
    assert found.verdict.difference == pytest.approx(0.5)
    assert found.families["cnn_rnn"].runs == ("runs/cnn_rnn-seed0", "runs/cnn_rnn-seed1")
    assert found.families["conv3d"].figures["accuracy"] == 1.0
    assert found.data["videos"] == {"train": 0, "validation": 0, "test": 40}
    assert found.data["skipped"] == [{"path": "bad.mp4", "reason": "empty file"}]
    assert write_comparison(found, tmp_path).name == "comparison.json"
    assert read_comparison(tmp_path) == found


def test_json_has_the_promised_keys(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, predictions(GOOD), family) for name, family in (("f", "frame_pool"), ("m", "conv3d"))
    ]
    write_comparison(compare(runs), tmp_path / "out")
    record = json.loads((tmp_path / "out/comparison.json").read_text())
    assert set(record) == {"families", "verdict", "recommendation", "evidence", "shortcuts", "data", "spec", "videos"}
    wanted = {"kind", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss", "parameters",
              "milliseconds_per_clip", "train_seconds", "per_label", "runs"}  # fmt: skip
    assert wanted <= set(record["families"]["frame_pool"])
    assert record["families"]["frame_pool"]["per_label"]["a"]["videos"] == 20
    wanted = {
        "answer",
        "still",
        "motion",
        "difference",
        "low",
        "high",
        "margin",
        "videos",
        "groups",
        "seeds",
        "sentence",
    }
    assert wanted <= set(record["verdict"])


def test_one_kind_alone_gives_figures_and_no_verdict(tmp_path: Path) -> None:
    found = compare([write_run(tmp_path / "r", predictions(GOOD), "frame_pool")])
    assert found.verdict is None
    assert found.to_json()["verdict"] is None


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", predictions(GOOD), "frame_pool")
    two = write_run(tmp_path / "two", predictions(GOOD[:-2]), "conv3d")
    with pytest.raises(StillmotionError, match=r"different videos: 2 differ \(0038\.mp4, 0039\.mp4\)"):
        compare([one, two])
    with pytest.raises(UsageError, match="no runs"):
        compare([])
    with pytest.raises(UsageError, match="margin"):
        compare([one], margin=5)
    with pytest.raises(StillmotionError, match="not a run"):
        compare([tmp_path])
    (one / "predictions.parquet").unlink()
    with pytest.raises(StillmotionError, match="evaluate the run"):
        compare([one])


def test_no_comparison_to_read(tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match=r"has no comparison\.json"):
        read_comparison(tmp_path)
    one = '"families": {"conv3d": {"kind": "motion", "accuracy": 0.5}}'
    for text, says in (
        ("{}", r"not a comparison's record \(no 'families'\)"),
        ('{"families": {}}', "it has no families"),
        ('{"families": {"conv3d": {}}}', r"conv3d|kind"),
        (f'{{{one}, "verdict": {{"answer": 1}}}}', r"\(verdict.answer: Input should be [^(]*\)"),
        (f'{{{one}, "data": {{"x": NaN}}}}', "NaN is no finite number"),
        (f'{{{one}, "data": {{"x": 1e999}}}}', "1e999 is no finite number"),
    ):
        (tmp_path / "comparison.json").write_text(text)
        with pytest.raises(StillmotionError, match=says) as told:
            read_comparison(tmp_path)
        assert "http" not in str(told.value) and "\n" not in str(told.value)
    (tmp_path / "comparison.json").write_text(f"\ufeff{{{one}}}", encoding="utf-8")
    assert read_comparison(tmp_path).families["conv3d"].figures == {"accuracy": 0.5}


def test_folds_are_one_test_and_the_choice_is_corrected_for(tmp_path: Path) -> None:
    runs = []
    for family, right in (("frame_pool", [i % 3 > 0 for i in range(60)]), ("conv3d", [True] * 60), ("cnn_rnn", HALF)):
        whole = predictions((right * 2)[:60])
        for fold in (0, 1):
            rows = list(range(fold, 60, 2))
            part = Predictions(
                tuple(whole.videos[i] for i in rows), tuple(whole.groups[i] for i in rows), whole.labels,
                whole.truth[rows], whole.probabilities[rows],
            )  # fmt: skip
            runs.append(write_run(tmp_path / f"runs/{family}-seed0-fold{fold}", part, family))
    found = compare(runs, relative_to=tmp_path)
    assert found.verdict is not None
    assert (found.verdict.videos, found.verdict.seeds, found.verdict.level) == (60, 1, 0.975)
    assert found.verdict.motion == "conv3d"
    assert found.data["videos"]["test"] == 60
    assert found.data["cross_validated"]
    assert len(found.families["conv3d"].runs) == 2
    assert found.recommendation is not None
    write_comparison(found, tmp_path)
    assert "cross-validation" in write_report(tmp_path).read_text()
