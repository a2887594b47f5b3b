"""The main job on real videos, in Python and on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import stillmotion as sm
from helpers.commands import run_command
from helpers.executors import FabricatingExecutor
from stillmotion.cli import app
from stillmotion.progress import Progress

pytestmark = pytest.mark.backend
# Keys whose values a clock measured, or that depend on such values.
MEASURED = (
    "/cost/",
    "/training/seconds",
    "/recommendation/",
    r"/trials/\d+/seconds",
    "/peak_megabytes",
)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a JSON document with its value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}")
    elif isinstance(value, list):
        yield path, len(value)
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}/{index}")
    else:
        yield path, value


def figures(folder: Path) -> dict[str, Any]:
    record = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    record["advice"] = [(advice["code"], advice["topic"]) for advice in record["advice"]]  # the texts say times
    return {path: value for path, value in leaves(record) if not re.search("|".join(MEASURED), path)}


def same_but_for_times(one: Path, other: Path) -> None:
    """Both comparison.json files have the same keys and values, but for what a clock measured."""
    first, second = figures(one), figures(other)
    assert first.keys() == second.keys()
    assert {path: (value, second[path]) for path, value in first.items() if value != second[path]} == {}


def test_the_command_and_the_library_say_the_same(moving: Path, tmp_path: Path) -> None:
    """With one process here, and two there."""
    comparison = sm.run_comparison(
        moving,
        out=tmp_path / "library",
        families=["frame_pool", "conv3d"],
        frames=10,
        size=16,
        preset="classic",
        epochs=1,
        fractions=(0.6, 0.2, 0.2),
        on="processes:1",
    )
    words = "--families frame_pool,conv3d --frames 10 --size 16 --preset classic --epochs 1 --split 0.6,0.2,0.2"
    done = run_command("compare", moving, "--out", tmp_path / "command", *words.split(), "--on", "processes:2")
    assert done.returncode == 0, done.stderr
    same_but_for_times(tmp_path / "library", tmp_path / "command")
    assert sm.read_comparison(tmp_path / "library") == comparison
    assert comparison.verdict is not None
    assert comparison.verdict.sentence in done.stdout
    for folder in ("library", "command"):
        assert comparison.verdict.motion in (tmp_path / folder / "report.html").read_text(encoding="utf-8")


class Fabricating(FabricatingExecutor):
    """Takes the place of three worker processes."""

    def __init__(self, workers: int, progress: Progress, cancel: object) -> None:
        assert workers == 3
        super().__init__(lambda recipe: 0.5 if recipe.family == "frame_pool" else 1.0)


def test_every_option_of_the_command_reaches_the_library(
    moving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a search, folds, seeds and controls; nothing is trained."""
    monkeypatch.setattr("stillmotion.experiments.placement.Processes", Fabricating)
    monkeypatch.setattr("stillmotion.cli.compare.load_backend", lambda: None)
    sm.run_comparison(
        moving,
        out=tmp_path / "library",
        families=("frame_pool", "conv3d"),
        backbones=("efficientnet-lite0",),
        finetune=True,
        frames=6,
        rate=5.0,
        size=(16, 24),
        input="rgb",
        pool="vote",
        seeds=2,
        folds=2,
        effort="thorough",
        time_budget_minutes=4.0,
        margin=0.1,
        metric="balanced",
        sequential=True,
        flip=True,
        group="rec.*",
        fractions=(0.5, 0.25, 0.25),
        seed=3,
        on="processes:3",
    )
    words = (
        f"--out {tmp_path / 'command'} --families frame_pool,conv3d --frames 6 --rate 5 --size 16x24 --input rgb "
        "--pool vote --seeds 2 --folds 2 --effort thorough --time-budget 4 --margin 0.1 --flip --group rec.* "
        "--split 0.5,0.25,0.25 --seed 3 --on processes:3 --backbone efficientnet-lite0 --finetune --metric balanced "
        "--sequential"
    )
    result = CliRunner().invoke(app, ["compare", str(moving), *words.split()])
    assert result.exit_code == 0, result.output
    same_but_for_times(tmp_path / "library", tmp_path / "command")
    parser = typer.main.get_command(app).commands["compare"]  # type: ignore[attr-defined]
    flags = {option.opts[0] for option in parser.params if option.opts[0].startswith("--")}
    # The time budget sets the epochs, videos have a frame rate, and included models are tested elsewhere.
    assert flags - set(words.split()) == {"--epochs", "--preset", "--overwrite", "--frame-rate", "--include"}


def test_a_run_is_trained_tested_and_tested_again(
    moving: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`run_training` and `run_evaluation`: other videos leave the run as it is, and known groups are warned of."""
    run = sm.run_training(
        moving,
        "frame_pool",
        out=tmp_path / "run",
        frames=4,
        size=16,
        preset="classic",
        epochs=1,
        fractions=(0.6, 0.2, 0.2),
        batch_size=8,
    )
    own = sm.run_evaluation(run)
    run = sm.read_run(run.folder)
    recorded = {path.name: path.read_bytes() for path in (run.predictions_file, run.folder / "run.json")}
    caplog.clear()
    other = sm.run_evaluation(tmp_path / "run", moving)
    assert recorded == {name: (run.folder / name).read_bytes() for name in recorded}
    assert sum(label.videos for label in other.per_label.values()) == 24
    assert sum(label.videos for label in own.per_label.values()) == len(run.record.data.part("test"))
    assert "was trained on" in caplog.text
