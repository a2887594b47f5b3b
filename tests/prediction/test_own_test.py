"""A run that did not significantly beat guessing says so wherever it is used."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import stillmotion as sm
from helpers.commands import run_command
from helpers.media import noise, write_video
from stillmotion.comparison import read_predictions
from stillmotion.prediction import load_clip_model
from stillmotion.prediction.own_test import read_own_test
from stillmotion.prediction.tables import write_rows


def run_tested_with(run: sm.Run, folder: Path, right: list[bool], labels: str = "lr", per_group: int = 1) -> sm.Run:
    """A copy of a run whose test videos, of the labels in turn, were predicted right or wrong, in two windows each."""
    shutil.copytree(run.folder, folder)
    copy = sm.Run(folder, run.record)
    names = {"l": "left", "r": "right"}
    rows = []
    for number, good in enumerate(right):
        label = names[labels[number % len(labels)]]
        left = 0.9 if (label == "left") == good else 0.1
        for window, change in enumerate((-0.6, 0.55)):  # The mean decides, not one of the windows.
            share = float(np.clip(left + change, 0, 1))
            rows.append({"video": f"{number:03}.mp4", "label": label, "group": f"g{number // per_group}",
                         "window": window, "start_seconds": 0.0, "end_seconds": 1.0,
                         "prob_left": share, "prob_right": 1 - share})  # fmt: skip
    write_rows(rows, copy.predictions_file)
    return copy


WEAK = [True, False, True, False, True, False, True, True, True, True]


def test_a_weak_run_has_one_line(motion_run: sm.Run, tmp_path: Path) -> None:
    """7 of 10 in five recordings are right, and 3 of the 5 from the right are missed."""
    own = read_own_test(run_tested_with(motion_run, tmp_path / "run", WEAK, per_group=2))
    assert own is not None and (own.videos, own.groups, own.guessing) == (10, 5, 0.5)
    assert dict(own.missed) == pytest.approx({"left": 0, "right": 0.6})
    assert own.warning == (
        "tested on 10 videos of 5 recordings: 70 %, not significantly better than guessing (50 %); misses 60 % of right"
    )


def test_a_run_that_beats_guessing_or_was_not_tested_has_none(motion_run: sm.Run, tmp_path: Path) -> None:
    good = read_own_test(run_tested_with(motion_run, tmp_path / "good", [True] * 20))
    assert good is not None and good.beats_guessing and good.warning == ""
    assert read_own_test(motion_run) is None


def test_the_most_frequent_label_is_what_guessing_gives(motion_run: sm.Run, tmp_path: Path) -> None:
    """With 9 of 10 videos of one label, 90 % are no better than guessing."""
    own = read_own_test(run_tested_with(motion_run, tmp_path / "run", [*[True] * 9, False] * 4, labels="lllllllllr"))
    assert own is not None
    assert own.warning.startswith(
        "tested on 40 videos: 90 %, not significantly better than guessing (90 %); misses 100 % of"
    )


@pytest.mark.parametrize("right", [12, 14, 15, 16, 18, 20])
def test_it_beats_guessing_where_the_verdict_says_so(right: int, motion_run: sm.Run, tmp_path: Path) -> None:
    run = run_tested_with(motion_run, tmp_path / "run", [number < right for number in range(20)])
    own = read_own_test(run)
    trainings = [read_predictions(run.predictions_file)]
    verdict = sm.decide(trainings, trainings)
    assert own is not None and own.beats_guessing == verdict.motion_beats_guessing
    assert own.accuracy == pytest.approx(verdict.motion_accuracy)


@pytest.mark.backend
def test_predict_and_stream_warn_of_it(motion_run: sm.Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = run_tested_with(motion_run, tmp_path / "run", WEAK)
    video = write_video(tmp_path / "video.mp4", noise(8), rate=10)
    for use in (
        lambda: load_clip_model(run),
        lambda: list(sm.predict(run, video)),
        lambda: list(sm.stream(run, video)),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "stillmotion"):
            use()
        assert [record.getMessage()[:22] for record in caplog.records] == ["tested on 10 videos: 7"]


@pytest.mark.backend
def test_an_export_says_and_stores_it(motion_run: sm.Run, tmp_path: Path) -> None:
    run = run_tested_with(motion_run, tmp_path / "run", WEAK)
    done = run_command("export", run.folder, "--format", "saved_model", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    about = json.loads((tmp_path / "out" / "export.json").read_text())
    assert about["test"]["warning"] and f"warning: {about['test']['warning']}" in done.stderr.splitlines()
    assert about["test"]["accuracy"] == pytest.approx(0.7) and not about["test"]["beats_guessing"]


@pytest.mark.parametrize("column", ["label", "prob_left"])
@pytest.mark.parametrize("value", ["another", None])
def test_a_damaged_table_is_no_test(motion_run: sm.Run, tmp_path: Path, column: str, value: str | None) -> None:
    tested = run_tested_with(motion_run, tmp_path / "run", WEAK)
    table = parquet.read_table(tested.predictions_file)
    number = table.column_names.index(column)
    parquet.write_table(
        table.set_column(number, column, pa.array([value] * len(table), pa.string())), tested.predictions_file
    )
    assert read_own_test(tested) is None
