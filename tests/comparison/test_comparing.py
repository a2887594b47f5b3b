import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.predictions import predictions, some_videos, write_run
from stillmotion.comparison import (
    Comparison,
    Evidence,
    ModelResult,
    Predictions,
    SkippedRecord,
    Verdict,
    compare_runs,
    read_comparison,
    write_comparison,
)
from stillmotion.comparison.measuring import Metric
from stillmotion.data.splitting import groups_per_label
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.reports import write_report
from stillmotion.runs import read_run

STILL, HALF, FAIR, GOOD = [False] * 40, [True, False] * 20, [False] * 2 + [True] * 38, [True] * 40


def test_the_best_motion_family_on_validation_is_named_if_it_decides(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "runs/frame_pool-seed0", predictions(STILL), "frame_pool", validation=0.1),
        write_run(tmp_path / "runs/conv3d-seed0", predictions(GOOD), "conv3d", validation=0.8),
        write_run(tmp_path / "runs/cnn_rnn-seed0", predictions(FAIR), "cnn_rnn", validation=0.9),
        write_run(tmp_path / "runs/cnn_rnn-seed1", predictions(FAIR), "cnn_rnn", seed=1, validation=0.9),
    ]
    comparison = compare_runs(runs, relative_to=tmp_path)
    assert comparison.verdict is not None
    assert (comparison.verdict.still, comparison.verdict.motion) == ("frame_pool", "cnn_rnn")
    assert comparison.verdict.difference == pytest.approx(0.95)
    assert comparison.models["cnn_rnn"].runs == ("runs/cnn_rnn-seed0", "runs/cnn_rnn-seed1")
    assert comparison.models["conv3d"].accuracy.value == 1.0
    assert comparison.data.videos == {"train": 0, "validation": 0, "test": 40}
    assert comparison.data.skipped == (SkippedRecord("bad.mp4", "empty file"),)
    assert write_comparison(comparison, tmp_path).name == "comparison.json"
    assert read_comparison(tmp_path) == comparison


def test_json_has_the_promised_keys(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, predictions(GOOD), family) for name, family in (("f", "frame_pool"), ("m", "conv3d"))
    ]
    comparison = compare_runs(runs)
    write_comparison(comparison, tmp_path / "out")
    record = json.loads((tmp_path / "out/comparison.json").read_text())
    assert set(record) == {
        *(field.name for field in fields(Comparison)),
        "guessing_sentence",
        "rates_sentence",
        "learning_sentence",
    }
    still = record["models"]["frame_pool"]
    assert set(still) == {field.name for field in fields(ModelResult)}
    assert set(still["accuracy"]) == {"value", "low", "high"}
    assert still["per_label"]["a"]["videos"] == 20
    assert set(record["verdict"]) == {
        *(field.name for field in fields(Verdict)),
        *("answer", "reasons", "sentence", "best_frame_explains", "leaning"),
    }
    assert comparison.verdict is not None
    assert record["verdict"]["sentence"] == comparison.verdict.sentence
    assert [advice["text"] for advice in record["advice"]] == [advice.text for advice in comparison.advice]


def test_one_kind_alone_gives_figures_and_no_verdict(tmp_path: Path) -> None:
    comparison = compare_runs([write_run(tmp_path / "r", predictions(GOOD), "frame_pool")])
    assert comparison.verdict is None
    assert comparison.to_json()["verdict"] is None


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    still_run = write_run(tmp_path / "one", predictions(GOOD), "frame_pool")
    motion_run = write_run(tmp_path / "two", predictions(GOOD[:-2]), "conv3d")
    with pytest.raises(StillmotionError, match=r"different videos: 2 differ \(0038\.mp4, 0039\.mp4\)"):
        compare_runs([still_run, motion_run])
    with pytest.raises(UsageError, match="no runs"):
        compare_runs([])
    with pytest.raises(UsageError, match="one: the same run is given twice"):
        compare_runs([still_run, tmp_path / "two" / ".." / "one"])
    with pytest.raises(UsageError, match="margin"):
        compare_runs([still_run], margin=5)
    with pytest.raises(StillmotionError, match="not a run"):
        compare_runs([tmp_path])
    (still_run / "predictions.parquet").unlink()
    with pytest.raises(StillmotionError, match="evaluate the run"):
        compare_runs([still_run])


def test_no_comparison_to_read(tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match=r"has no comparison\.json"):
        read_comparison(tmp_path)


def test_a_record_whose_answer_might_be_another_one_now_is_refused(tmp_path: Path) -> None:
    """Labels that a still model misses were written otherwise once."""
    runs = [
        write_run(tmp_path / name, predictions(right), name) for name, right in (("frame_pool", HALF), ("conv3d", GOOD))
    ]
    file = write_comparison(compare_runs(runs), tmp_path)
    assert read_comparison(tmp_path).verdict is not None
    record = json.loads(file.read_text())
    del record["verdict"]["missed"]
    file.write_text(json.dumps(record))
    with pytest.raises(StillmotionError, match="an earlier version wrote it, and the answer might be another one now"):
        read_comparison(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", r"not a comparison's record \(models: Field required\)"),
        ('{"models": {}, "verdict": null}', "it has no models"),
        ('{"models": {"conv3d": {}}, "verdict": null}', r"models.conv3d.kind: Field required"),
        ('{"models": {}, "verdict": {"still": 1}}', r"verdict.still: Input should be [^(]*\)"),
        ('{"models": NaN}', "NaN is not a finite number"),
        ('{"models": 1e999}', "1e999 is not a finite number"),
        ("[" * 100_000, "not a comparison's record"),
        ("{", "not a comparison's record"),
    ],
)
def test_an_invalid_record_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "comparison.json").write_text(text)
    with pytest.raises(StillmotionError, match=says) as caught:
        read_comparison(tmp_path)
    assert "http" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    comparison = compare_runs([write_run(tmp_path / "r", predictions(GOOD), "frame_pool")])
    path = write_comparison(comparison, tmp_path)
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert read_comparison(tmp_path) == comparison


def test_folds_are_one_test_and_the_choice_is_corrected_for(tmp_path: Path) -> None:
    runs = []
    for family, right in (("frame_pool", [i % 3 > 0 for i in range(60)]), ("conv3d", [True] * 60), ("cnn_rnn", HALF)):
        whole = predictions((right * 2)[:60])
        for fold in (0, 1):
            part = some_videos(whole, np.arange(60) % 2 == fold)
            runs.append(write_run(tmp_path / f"runs/{family}-seed0-fold{fold}", part, family))
    comparison = compare_runs(runs, relative_to=tmp_path)
    assert comparison.verdict is not None
    assert (comparison.verdict.videos, comparison.verdict.seeds) == (60, 1)
    assert (comparison.verdict.motion, comparison.verdict.selected_by) == ("conv3d", "test_accuracy")
    assert comparison.data.videos["test"] == 60
    assert comparison.data.cross_validated
    run = read_run(runs[0])
    assert comparison.data.groups_per_label == groups_per_label(run.record.data.videos) != {}
    assert len(comparison.models["conv3d"].runs) == 2
    assert comparison.recommendation is not None
    write_comparison(comparison, tmp_path)
    assert "cross-validation" in write_report(tmp_path).read_text()


def test_the_family_with_the_best_validation_accuracy_then_the_lowest_loss_is_compared(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", predictions(STILL), "frame_pool"),
        write_run(tmp_path / "b", predictions(FAIR), "cnn_rnn", validation=0.8),
        write_run(tmp_path / "c", predictions(GOOD), "conv3d", validation=0.8),
    ]
    record = json.loads((tmp_path / "b/run.json").read_text())
    record["training"]["validation_loss"] = 0.1
    (tmp_path / "b/run.json").write_text(json.dumps(record))
    verdict = compare_runs(runs).verdict
    assert verdict is not None
    assert (verdict.motion, verdict.selected_by) == ("cnn_rnn", "validation_accuracy")
    assert [contrast.motion for contrast in verdict.contrasts] == ["cnn_rnn", "conv3d"]
    looks = compare_runs(runs, sequential=True).verdict  # at the next look, validation may choose the other
    assert looks is not None and (looks.motion, looks.selected_by) == ("conv3d", "test_accuracy")


def test_a_model_without_validation_is_not_the_worst_but_unknown(tmp_path: Path) -> None:
    """The test videos then choose, and the verdict is corrected for it."""
    runs = [
        write_run(tmp_path / "a", predictions(STILL), "frame_pool"),
        write_run(tmp_path / "b", predictions(HALF), "cnn_rnn", validation=0.8),
        write_run(tmp_path / "c", predictions(GOOD), "conv3d"),
    ]
    record = json.loads((tmp_path / "c/run.json").read_text())
    record["training"] |= {"validation_loss": None, "validation_accuracy": None}
    (tmp_path / "c/run.json").write_text(json.dumps(record))
    comparison = compare_runs(runs)
    assert comparison.models["conv3d"].validation_accuracy is None
    assert comparison.verdict is not None and comparison.verdict.selected_by == "test_accuracy"
    assert comparison.verdict.motion == "conv3d"
    write_comparison(comparison, tmp_path)
    write_report(tmp_path)


def test_runs_that_were_not_checked_say_so(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", predictions(STILL), "frame_pool"),
        write_run(tmp_path / "b", predictions(GOOD), "conv3d"),
    ]
    verdict = compare_runs(runs).verdict
    assert verdict is not None
    assert verdict.answer == "motion needed"
    (warning,) = (warning for warning in verdict.warnings if warning.code == "not_checked")
    assert warning.names == ("shortcuts", "evidence")
    assert "`stillmotion compare`" in warning.text


def test_evidence_in_the_folders_of_runs_is_used(tmp_path: Path) -> None:
    """Every frame shows the label, so the most confident frame is as good as motion."""
    truth = predictions(GOOD)
    runs = [
        write_run(tmp_path / "a", predictions(STILL), "frame_pool"),
        write_run(tmp_path / "b", truth, "conv3d"),
    ]
    rows = [
        {"video": video, "seconds": second, "prob_a": 0.9 - 0.8 * label, "prob_b": 0.1 + 0.8 * label}
        for video, label in zip(truth.videos, truth.truth.tolist(), strict=True)
        for second in (0.0, 0.5)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a" / "over_time.parquet")
    comparison = compare_runs(runs)
    assert comparison.verdict is not None
    assert comparison.evidence is not None
    assert comparison.evidence.best_frame is not None
    assert comparison.evidence.best_frame.most_confident_frame == 1.0
    assert comparison.verdict.best_frame_reason == "most_confident_frame_close"
    assert comparison.verdict.answer == "undecided"


@pytest.mark.parametrize("metric", ["accuracy", "balanced"])
def test_evidence_is_measured_as_the_verdict_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: Metric
) -> None:
    asked = []

    def gather(metric: Metric, **arguments: Any) -> Evidence:
        asked.append(metric)
        return Evidence()

    monkeypatch.setattr("stillmotion.comparison.comparing.gather_evidence", gather)
    runs = [write_run(tmp_path / "a", predictions(STILL), "frame_pool")]
    compare_runs([*runs, write_run(tmp_path / "b", predictions(GOOD), "conv3d")], metric=metric)
    assert asked == [metric]


def prediction_rows(tested: Predictions) -> list[dict[str, object]]:
    """The rows of a table of predictions."""
    return [
        {"video": video, "label": tested.labels[truth], "group": group, "prob_a": values[0], "prob_b": values[1]}
        for video, group, truth, values in zip(
            tested.videos, tested.groups, tested.truth.tolist(), tested.probabilities.tolist(), strict=True
        )
    ]


def test_evidence_is_that_of_the_first_seeds_runs(tmp_path: Path) -> None:
    """The second seed's runs are worse in every figure, and have frames of videos that the first seed's lack."""
    right, wrong = predictions(GOOD), predictions(STILL)
    seeds = [(right, right, some_videos(right, np.arange(40) < 20)), (predictions(HALF), wrong, wrong)]
    for seed, (motion, reversed_clips, frames) in enumerate(seeds):
        write_run(tmp_path / f"still{seed}", predictions(STILL), "frame_pool", seed=seed)
        folder = write_run(tmp_path / f"motion{seed}", motion, "conv3d", seed=seed)
        perturbed = [
            {**row, "perturbation": name}
            for name, tested in (("none", motion), ("reversed", reversed_clips))
            for row in prediction_rows(tested)
        ]
        pq.write_table(pa.Table.from_pylist(perturbed), folder / "perturbed.parquet")
        over_time = [{**row, "seconds": second} for row in prediction_rows(frames) for second in (0.0, 0.5)]
        pq.write_table(pa.Table.from_pylist(over_time), tmp_path / f"still{seed}" / "over_time.parquet")
    evidence = compare_runs([tmp_path / f"{kind}{seed}" for seed in (0, 1) for kind in ("still", "motion")]).evidence
    assert evidence is not None
    assert [(result.name, result.accuracy) for result in evidence.perturbed] == [("none", 1.0), ("reversed", 1.0)]
    assert evidence.best_frame is not None
    assert evidence.best_frame.motion == 1.0
    assert evidence.best_frame.single == 1.0
    assert evidence.stability is not None
    assert (evidence.stability["frame_pool"].pm_0, evidence.stability["frame_pool"].videos) == (1.0, 20)


def test_costs_are_medians_over_trainings(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / str(seed), predictions(GOOD), "conv3d", seed=seed, milliseconds=milliseconds)
        for seed, milliseconds in enumerate((2.0, 3.0, 100.0))
    ]
    result = compare_runs(runs).models["conv3d"]
    assert result.cost.milliseconds_per_clip == 3.0
    assert result.cost.train_seconds == 6.0
    assert result.cost.multiply_adds is None
    assert result.validation_accuracy == pytest.approx(0.9)


def write_leaking_run(
    folder: Path, correct: list[bool], family: str, part: str, path: str = "old.mp4", group: str = "g0", root: str = ""
) -> Path:
    """A run that has seen one more video, of the first group of its 40 test videos."""
    groups = [f"g{number}" for number in range(40)]
    write_run(folder, predictions(correct, groups), family)
    record = json.loads((folder / "run.json").read_text())
    record["data"]["videos"].append({"path": path, "label": "a", "group": group, "part": part})
    record["data"]["train_root"] = root
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize("leaking", ["conv3d", "frame_pool"])
def test_no_verdict_rests_on_groups_that_a_model_has_learned_from(tmp_path: Path, part: str, leaking: str) -> None:
    runs = [
        write_leaking_run(tmp_path / family, correct, family, part if family == leaking else "test")
        for family, correct in (("conv3d", GOOD), ("frame_pool", HALF))
    ]
    verdict = compare_runs(runs).verdict
    assert verdict is not None
    assert (verdict.interval_answer, verdict.answer) == ("motion needed", "undecided")
    assert verdict.reasons == ("interval_above_margin", "test_not_held_out")
    assert "models have learned from 1 ('g0') of the 40 groups of test videos" in verdict.sentence
    assert verdict.warnings[0].code == "test_not_held_out"


def test_a_verdict_warns_of_groups_that_were_trained_and_validated_on(tmp_path: Path) -> None:
    runs = []
    for family, correct in (("conv3d", GOOD), ("frame_pool", HALF)):
        folder = write_leaking_run(tmp_path / family, correct, family, "train", group="new")
        record = json.loads((folder / "run.json").read_text())
        record["data"]["videos"].append({"path": "b.mp4", "label": "a", "group": "new", "part": "validation"})
        (folder / "run.json").write_text(json.dumps(record))
        runs.append(folder)
    verdict = compare_runs(runs).verdict
    assert verdict is not None
    assert verdict.answer == "motion needed"
    assert verdict.warnings[0].code == "validation_not_held_out"


@pytest.mark.parametrize("root", ["", "elsewhere"])
def test_files_of_one_name_in_two_folders_are_not_one_group(tmp_path: Path, root: str) -> None:
    """`train/left/001.mp4` and `test/left/001.mp4`, each a group of its own."""
    runs = []
    for family, correct in (("conv3d", GOOD), ("frame_pool", HALF)):
        write_run(tmp_path / family, predictions(correct), family)
        record = json.loads((tmp_path / family / "run.json").read_text())
        video = {"path": "0000.mp4", "label": "a", "group": "0000.mp4", "part": "train"}
        record["data"]["videos"].append(video)
        record["data"]["train_root"] = root
        (tmp_path / family / "run.json").write_text(json.dumps(record))
        runs.append(tmp_path / family)
    verdict = compare_runs(runs).verdict
    assert verdict is not None
    assert verdict.leaked_groups == (() if root else ("0000.mp4",))
