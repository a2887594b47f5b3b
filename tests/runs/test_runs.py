"""run.json: what is written is read, and whatever is not a finished run is named."""

from __future__ import annotations

import dataclasses
import math
from importlib.metadata import version
from pathlib import Path

import pytest

from stillmotion.clips import Augment, ClipSpec
from stillmotion.data import Video
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import make_folder
from stillmotion.runs import (
    CostRecord,
    DataRecord,
    Recipe,
    Run,
    RunRecord,
    TrainingRecord,
    delete_run,
    read_run,
    versions,
    write_run,
)

VIDEOS = (Video("é/a.mp4", "b", "g", "train", 1.0, None), Video("c.mp4", "b", "h", "test"))
RECORD = RunRecord(
    Recipe("cnn_rnn", {"rnn": "lstm", "bidirectional": False}, ClipSpec(8, 12.5, (48, 64)), Augment(flip=True)),
    ('a "b" / 🎉', "b"),
    DataRecord("/data", "f00", VIDEOS, (("x.mp4", "x.mp4: empty file"),), 2.5),
    {"keras": "3"},
    TrainingRecord(3, 2, 1.5, 0.25, 0.75),
    CostRecord(10, 1.25, 640.0),
)


@pytest.mark.parametrize("spec", [ClipSpec(8, 12.5, (48, 64)), ClipSpec()])
def test_what_is_written_is_read(tmp_path: Path, spec: ClipSpec) -> None:
    record = dataclasses.replace(RECORD, recipe=dataclasses.replace(RECORD.recipe, spec=spec))
    run = write_run(Run(tmp_path, record))
    assert read_run(tmp_path) == run
    assert read_run(str(tmp_path / "model.keras")) == run
    assert (run.recipe, run.labels) == (record.recipe, record.labels)


def test_the_videos_of_a_part_can_be_found_from_the_record() -> None:
    test = RECORD.data.part("test")
    assert (test.root, test.items) == (Path("/data"), VIDEOS[1:])
    assert RECORD.data.part("train").items == VIDEOS[:1]
    assert not RECORD.data.part("validation")


def test_a_run_is_shown_in_one_short_line(tmp_path: Path) -> None:
    assert repr(Run(tmp_path, RECORD)) == f"Run({str(tmp_path)!r}, family='cnn_rnn', seed=0)"


def test_a_folder_without_a_run_is_named_with_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such run folder"):
        read_run(tmp_path / "none")
    with pytest.raises(StillmotionError, match=r"not a run \(no run.json in it\); expected the folder that 'train'"):
        read_run(tmp_path)
    for name in ("conv3d-seed1", "conv3d-seed0"):
        write_run(Run(make_folder(tmp_path / "comparison" / "runs" / name), RECORD))
    with pytest.raises(StillmotionError, match=r"did you mean .*conv3d-seed0\?"):
        read_run(tmp_path / "comparison")


@pytest.mark.parametrize(
    ("text", "where"), [("", "its text"), ("{", "its text"), ("[]", "its text"), ('{"recipe": {}}', r"recipe\.family")]
)
def test_a_record_that_cannot_be_read_is_named_with_the_place(text: str, where: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(StillmotionError, match=rf"run\.json: not a run's record: {where}"):
        read_run(tmp_path)


def test_an_unfinished_run_and_one_of_a_later_version_are_refused(tmp_path: Path) -> None:
    write_run(Run(tmp_path, dataclasses.replace(RECORD, training=None)))
    with pytest.raises(StillmotionError, match="not finished; run the same 'train' command again"):
        read_run(tmp_path)
    write_run(Run(tmp_path, dataclasses.replace(RECORD, format=2)))
    with pytest.raises(StillmotionError, match="later version"):
        read_run(tmp_path)


def test_a_run_records_the_versions_that_made_it() -> None:
    made_with = versions("jax", "3.99")
    assert (made_with["backend"], made_with["keras"], made_with["numpy"]) == ("jax", "3.99", version("numpy"))
    assert set(made_with) == {"stillmotion", "keras", "backend", "python", "numpy", "av"}


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience"])
def test_a_recipe_has_counts_of_one_or_more(name: str) -> None:
    assert getattr(Recipe("conv3d", **{name: 1}), name) == 1  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{name.replace('_', ' ')} is 0; expected a whole number of 1 or more"):
        Recipe("conv3d", **{name: 0})  # type: ignore[arg-type]


def test_a_recipe_has_a_precision_that_keras_knows() -> None:
    assert Recipe("conv3d", precision="mixed_float16").precision == "mixed_float16"
    with pytest.raises(UsageError, match="'half'; expected float32, mixed_bfloat16, mixed_float16"):
        Recipe("conv3d", precision="half")  # type: ignore[arg-type]


def test_a_recipes_learning_rate_is_a_finite_number_above_zero() -> None:
    for rate in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(UsageError, match=f"learning rate is {rate}; expected a finite number above 0"):
            Recipe("conv3d", learning_rate=rate)


def test_a_recipes_weight_decay_is_a_finite_number_of_zero_or_more() -> None:
    assert Recipe("conv3d", weight_decay=0.0).weight_decay == 0
    for decay in (-0.1, math.inf, math.nan):
        with pytest.raises(UsageError, match=f"weight decay is {decay}; expected a finite number of 0 or more"):
            Recipe("conv3d", weight_decay=decay)


RUN_FILES = (
    "model.keras",
    "snapshot.keras",
    "history.csv",
    "predictions.parquet",
    "over_time.parquet",
    "perturbed.parquet",
    "tensorboard/train/events",
    "exports/onnx/model.onnx",
    "unfinished/state.json",
    "unfinished/latest-3.npz",
    "unfinished/best-2.npz",
)


def write_files(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        make_folder((folder / name).parent)
        (folder / name).write_text(name)


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_deleting_a_run_keeps_all_files_that_are_not_the_runs(tmp_path: Path) -> None:
    others = ("holiday.mp4", "left/a.mp4", "unfinished/b.mp4", "notes.json")
    write_files(tmp_path, RUN_FILES + others)
    write_run(Run(tmp_path, RECORD))
    delete_run(tmp_path)
    assert files_below(tmp_path) == set(others)
    assert not (tmp_path / "exports").exists()


def test_deleting_a_run_keeps_what_its_links_lead_to(tmp_path: Path) -> None:
    write_files(tmp_path / "elsewhere", ("model.onnx",))
    run = write_run(Run(make_folder(tmp_path / "run"), RECORD))
    (run.folder / "exports").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    delete_run(run.folder)
    assert list(run.folder.iterdir()) == []
    assert (tmp_path / "elsewhere" / "model.onnx").exists()


@pytest.mark.parametrize("text", ["{}", "[1, 2]", "no JSON", '{"recipe": {"family": "conv3d", "epochs": 0}}'])
def test_a_run_json_of_another_program_is_not_deleted(tmp_path: Path, text: str) -> None:
    write_files(tmp_path, RUN_FILES)
    (tmp_path / "run.json").write_text(text)
    before = files_below(tmp_path)
    with pytest.raises(StillmotionError, match=r"run\.json: not a run's record: .*; nothing was deleted") as error:
        delete_run(tmp_path)
    assert "\n" not in str(error.value)
    assert files_below(tmp_path) == before
