"""The main job without a training: settings reach the plan, and what is left in the folder."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from helpers.executors import FabricatingExecutor
from helpers.spies import ProgressSpy
from stillmotion.clips import OpenedVideos, open_videos
from stillmotion.comparison import Comparison, read_comparison
from stillmotion.data import read_videos
from stillmotion.errors import CancelledError, StillmotionError, UsageError
from stillmotion.experiments import ComparisonPlan, ComparisonSettings, TrainTask, run_comparison
from stillmotion.experiments.comparing import default_folder
from stillmotion.experiments.datasets import open_dataset
from stillmotion.experiments.executors import Executor
from stillmotion.files import folder_lock


class Executed(Exception):
    """The plan of a comparison was about to be executed."""


def plan_of(monkeypatch: pytest.MonkeyPatch, data: Any, **settings: Any) -> ComparisonPlan:
    """The plan that `run_comparison` would execute."""
    plans = []

    def execute(plan: ComparisonPlan, executor: Executor) -> Comparison:
        with pytest.raises(StillmotionError, match="another stillmotion process"), folder_lock(plan.folder):
            pass
        plans.append(plan)
        raise Executed

    monkeypatch.setattr("stillmotion.experiments.comparing.execute", execute)
    with pytest.raises(Executed):
        run_comparison(data, **settings)
    return plans[0]


def test_every_setting_reaches_the_plan_and_its_folder_is_locked(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {
        "families": ("frame_pool", "conv3d"),
        "backbones": ("efficientnet-lite0",),
        "finetune": True,
        "frames": 6,
        "rate": 5.0,
        "size": (16, 24),
        "input": "difference",
        "pool": "vote",
        "seeds": 2,
        "folds": 2,
        "effort": "thorough",
        "time_budget_minutes": 4.0,
        "margin": 0.1,
        "metric": "balanced",
        "sequential": True,
        "flip": True,
        "fractions": (0.2, 0.2, 0.6),
        "seed": 3,
    }
    plan = plan_of(monkeypatch, recordings, out=tmp_path / "out", group=r"rec\d", overwrite=True, **settings)
    dataset = open_dataset(
        read_videos(recordings, group=r"rec\d"), fractions=(0.2, 0.2, 0.6), seed=3, rate=5.0, frames=6, folds=2
    )
    assert plan == ComparisonPlan(ComparisonSettings(**settings), dataset, tmp_path / "out", True)


@pytest.mark.parametrize("settings", [{}, {"preset": "classic", "epochs": 5}])
def test_settings_that_are_not_given_are_the_defaults(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of(monkeypatch, recordings, **settings)
    assert plan.settings == ComparisonSettings(**settings)
    assert plan.dataset.rate == (1.0 if settings else 1.6)  # so that windows are 10 seconds long
    assert (plan.folder, plan.overwrite) == (Path("recordings-comparison"), False)


def test_the_default_folder_is_called_after_the_data_set(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_folder("data/parts.csv") == Path("parts-comparison")
    videos = read_videos(recordings)
    assert default_folder(videos) == default_folder(open_videos(videos)) == Path("recordings-comparison")
    monkeypatch.chdir(recordings)
    assert default_folder(".") == Path("recordings-comparison")


def test_a_comparison_leaves_its_record_and_its_page(
    recordings: Path, tmp_path: Path, executors: list[FabricatingExecutor]
) -> None:
    reports = ProgressSpy()
    out = tmp_path / "out"
    comparison = run_comparison(
        recordings, out=out, families=("frame_pool", "conv3d"), overwrite=True, on="processes:5", progress=reports
    )
    assert read_comparison(out) == comparison
    assert "conv3d" in (out / "report.html").read_text(encoding="utf-8")
    assert comparison.models["conv3d"].runs == ("runs/conv3d-seed0",)
    assert [task.overwrite for task in executors[0].of(TrainTask)] == [True, True]
    assert [executor.workers for executor in executors] == [5]  # type: ignore[attr-defined]
    assert set(reports.stages) == {"opening videos"}


def test_a_canceled_comparison_leaves_nothing(
    recordings: Path, tmp_path: Path, executors: list[FabricatingExecutor]
) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        run_comparison(recordings, out=tmp_path / "out", cancel=cancel)
    assert not (tmp_path / "out").exists()


def test_a_comparison_whose_folder_is_in_use_is_refused(recordings: Path, tmp_path: Path) -> None:
    with folder_lock(tmp_path / "out"), pytest.raises(StillmotionError, match="another stillmotion process"):
        run_comparison(recordings, out=tmp_path / "out")


@pytest.mark.parametrize(("installed", "notes"), [(["efficientnet-lite0"], 0), ([], 1)])
def test_a_note_says_how_to_get_a_pretrained_backbone_where_there_is_none(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    installed: list[str],
    notes: int,
) -> None:
    caplog.set_level("INFO", "stillmotion")
    monkeypatch.setattr("stillmotion.experiments.settings.available_backbones", lambda: installed)
    plan_of(monkeypatch, recordings, out=tmp_path / "out")
    assert caplog.text.count('pip install "stillmotion[pretrained]"') == notes


@pytest.mark.parametrize(("folds", "warnings"), [(0, 1), (3, 0)])
def test_a_single_split_of_few_groups_is_warned_of_before_training(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    folds: int,
    warnings: int,
) -> None:
    plan = plan_of(monkeypatch, recordings, out=tmp_path / "out", folds=folds)
    groups = len(plan.dataset.opened.videos.groups)
    assert caplog.text.count(f"tested, which seldom decides anything; `--folds 5` tests on all {groups}") == warnings


def test_a_label_of_few_groups_limits_the_folds_that_are_advised(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for groups, advice in (
        ({"a": 9, "b": 4}, "`--folds 4` tests on all"),
        ({"a": 2, "b": 9}, "record 'a' in more groups"),
    ):
        monkeypatch.setattr("stillmotion.experiments.comparing.groups_per_label", lambda videos, groups=groups: groups)
        caplog.clear()
        plan_of(monkeypatch, recordings, out=tmp_path / "out")
        assert advice in caplog.text


@pytest.mark.parametrize(("root", "warns"), [("elsewhere", True), (None, False)])
def test_a_comparison_of_other_data_is_not_replaced_in_silence(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    root: str | None,
    warns: bool,
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for record in ({"data": {"root": root or str(recordings.resolve())}}, {"data": None}):
        (out / "comparison.json").write_text(json.dumps(record))
        caplog.clear()
        plan_of(monkeypatch, recordings, out=out)
        assert ("the data in elsewhere, not of that in" in caplog.text) == (warns and record["data"] is not None)


@pytest.mark.usefixtures("unopened")
@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"seeds": 0}, UsageError),
        ({"on": "processes:0"}, UsageError),
        ({"on": "cloud"}, UsageError),
        ({"group": "("}, UsageError),
        ({"frames": 1}, UsageError),
        ({"backbones": ["small", "damaged.keras:top"]}, StillmotionError),
        ({"out": "file"}, StillmotionError),
    ],
)
def test_what_cannot_work_is_refused_before_a_video_is_opened(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], error: type[Exception]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("in the way")
    Path("damaged.keras").write_text("no model")
    with pytest.raises(error):
        run_comparison(recordings, **settings)


def test_videos_that_are_open_are_taken_as_they_are(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: OpenedVideos = open_videos(read_videos(recordings))
    assert plan_of(monkeypatch, opened, out=tmp_path / "out").dataset.opened == opened
