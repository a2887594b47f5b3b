"""What `stillmotion predict` writes and prints, and that the library predicts the same."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from PIL import Image

import stillmotion as sm
from helpers.commands import assert_refused, run_command
from helpers.media import noise, write_video
from helpers.streams import write_light_model
from stillmotion.archive import ArchiveFile, ArchiveResult, FileFailure, ResultStore
from stillmotion.audit.snapshots import read_snapshots
from stillmotion.cli import app, predict as command
from stillmotion.data import PARTS, Video
from stillmotion.files import make_folder
from stillmotion.prediction import find_inputs, prediction_rows
from stillmotion.runs import DataRecord, Recipe, Run, RunRecord, TrainingRecord, write_run

pytestmark = pytest.mark.backend
SPEC = sm.ClipSpec(frames=2, rate=4.0, size=16)

CONTEXT = typer.Context(typer.main.get_command(app))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose model has its first random weights: what it predicts does not matter here."""
    monkeypatch.setattr(command, "load_backend", lambda: None)
    videos = tuple(Video(f"{part}.mp4", "ab"[number % 2], part, part) for number, part in enumerate(PARTS))
    record = RunRecord(
        Recipe("frame_pool", {}, SPEC),
        ("a", "b"),
        DataRecord("/data", "f00", videos, ()),
        {"keras": "3"},
        TrainingRecord(1, 1, 1.0, 0.5, 0.5),
    )
    run = write_run(Run(make_folder(tmp_path / "run"), record))
    sm.build_model("frame_pool", frames=2, height=16, width=16, classes=2).save(run.model_file)
    return run


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """A folder with a video, a hidden file of macOS, and a broken video; and an image."""
    folder = tmp_path / "new"
    write_video(folder / "x.mp4", noise(10))
    (folder / "._x.mp4").write_bytes(b"\0\5\26\7")
    (folder / "broken.mp4").write_text("no video")
    Image.fromarray(noise(1)[0]).save(tmp_path / "still.png")
    return [folder, tmp_path / "still.png"]


def test_the_command_writes_what_the_library_predicts(
    run: Run, inputs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = list(sm.predict(run, inputs))
    predictions = [result for result in results if isinstance(result, sm.VideoPrediction)]
    assert [type(result) for result in results] == [sm.SkippedVideo, sm.VideoPrediction, sm.VideoPrediction]
    assert [len(prediction.windows) for prediction in predictions] == [2, 1]
    with pytest.raises(sm.StillmotionError, match="1 of 3 inputs could not be read"):
        command.predict(CONTEXT, run.folder, inputs, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {name: str(cell) for name, cell in row.items()} for row in prediction_rows(predictions)
        ]
    errors = capsys.readouterr().err
    assert "skipped: " in errors and "broken.mp4: not a readable video" in errors
    assert "predictions for 2 videos in" in errors


@pytest.mark.parametrize("name", ["t.csv", "link.csv", "x.csv"])
def test_an_input_is_not_replaced(run: Run, inputs: list[Path], tmp_path: Path, name: str) -> None:
    """Neither the table, nor what links to it, nor a video of it, whatever its name."""
    table, video = tmp_path / "t.csv", inputs[0] / "x.mp4"
    table.write_text(f"path\n{video}\n")
    (tmp_path / "link.csv").symlink_to(table)
    (tmp_path / "x.csv").symlink_to(video)
    with pytest.raises(sm.UsageError, match=rf"{name}: it is one of the inputs"):
        command.predict(CONTEXT, run.folder, [table], tmp_path / name)
    assert table.read_text() == f"path\n{video}\n" and video.stat().st_size > 0


def test_compare_predict_and_audit_skip_the_same_hidden_files(tmp_path: Path) -> None:
    write_video(tmp_path / "a" / "x.mp4", noise(1))
    Image.fromarray(noise(1)[0]).save(tmp_path / "a" / "y.png")
    for name in ("._x.mp4", "._y.png"):
        (tmp_path / "a" / name).write_bytes(b"\0\5\26\7")
    paths = [tmp_path / "a" / "x.mp4", tmp_path / "a" / "y.png"]
    videos = sm.read_videos(tmp_path)
    assert [videos.file(video) for video in videos] == paths
    assert [video.path for video in find_inputs([tmp_path])] == [str(path) for path in paths]
    snapshots, skipped = read_snapshots(tmp_path)
    assert ([snapshot.file for snapshot in snapshots], skipped) == ([tmp_path / "a" / "y.png"], [])


def test_a_single_path_is_an_input_too(run: Run, inputs: list[Path]) -> None:
    (from_path,), (from_string,) = sm.predict(run, inputs[1]), sm.predict(run, str(inputs[1]))
    assert isinstance(from_path, sm.VideoPrediction) and isinstance(from_string, sm.VideoPrediction)
    assert from_path.video == from_string.video == Video(str(inputs[1]))


def test_without_a_table_the_windows_and_the_video_are_printed(
    run: Run, inputs: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inputs[0])
    command.predict(CONTEXT, run.folder, [Path("x.mp4"), Path("../still.png")])
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["video", "seconds", "label", "probability"]
    assert [row.split()[:-2][-3:] for row in rows] == [
        ["0.00", "to", "0.50"],
        ["0.50", "to", "1.00"],
        ["0.00", "to", "1.00"],
        ["0.00", "to", "0.00"],
    ]
    assert ["x.mp4" in row for row in rows] == [False, False, True, False]
    assert "still.png" in rows[3]


@pytest.mark.parametrize(
    ("family", "warned"),
    [("frame_pool", False), ("conv3d", True), ("mine:build", True), ("still=_mine:adopted", False)],
)
def test_a_motion_model_warns_of_still_images(
    run: Run, inputs: list[Path], capsys: pytest.CaptureFixture[str], family: str, warned: bool
) -> None:
    """Its record says which family it is; to a motion model an image is a video in which nothing moves."""
    write_run(Run(run.folder, replace(run.record, recipe=replace(run.recipe, family=family))))
    command.predict(CONTEXT, run.folder, [inputs[1], inputs[0] / "x.mp4"])
    errors = capsys.readouterr().err
    assert ("still.png is a still image" in errors) == warned
    assert "x.mp4 is a still image" not in errors


def test_the_model_of_single_images_is_not_taken_for_one_of_clips(run: Run) -> None:
    with pytest.raises(sm.UsageError, match="takes single images, not clips; give the folder"):
        sm.load_clip_model(run.folder / "snapshot.keras")


def test_a_folder_as_out_makes_an_archive_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library gets what the command was given, and the reasons of failures are printed."""
    calls: list[tuple[object, ...]] = []
    failures = tuple(
        FileFailure(f"{n}.mp4", str(n), "temporary" if n < 2 else "unreadable", f"{n}.mp4: empty file")
        for n in range(22)
    )

    def run_archive(model: object, files: list[ArchiveFile], store: ResultStore, on: str, *_: object) -> ArchiveResult:
        calls.append(([file.video.path for file in files], store.folder, on))
        return ArchiveResult(store.name, 30, 8, 2, failures)

    write_video(tmp_path / "clips" / "x.mp4", noise(2, 16, 16))
    write_light_model(tmp_path / "model.keras")
    monkeypatch.setattr("stillmotion.archive.run_archive", run_archive)
    monkeypatch.chdir(tmp_path)
    result = run_command(
        "predict", "model.keras", "clips", "--out", "labels/", "--on", "processes:3", "--rate", "8", "--labels", "a,b"
    )
    assert calls == [(["clips/x.mp4"], Path("labels"), "processes:3")]
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if not line.startswith("predicting")]
    assert "predictions for 8 of 30 files in labels/predictions" in lines
    assert sum(line.startswith("skipped: ") for line in lines) == 20
    assert lines[-1] == (
        "error: 22 of 30 inputs could not be predicted; labels/errors says why; the same command tries 2 of them again"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("clips", "--on", "ray"), "--on: only for archives; give --out the name of a folder, with a / at its end"),
        (("clips", "--out", "t.csv", "--on", "processes:2"), "--on: only for archives"),
        (("s3://bucket/x", "--out", "t.csv"), "an address: only for archives"),
        (("clips", "--out", "labels/", "--on", "cloud"), "on is 'cloud'; expected local, processes:N, ray or ray://"),
        (("clips", "--out", "labels"), "labels: the name of a table must end in one of .csv"),
        (("nowhere", "--out", "labels/"), "nowhere: no such file or folder"),
    ],
)
def test_a_wrong_call_for_an_archive_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    write_video(tmp_path / "clips" / "x.mp4", noise(2, 16, 16))
    write_light_model(tmp_path / "model.keras")
    monkeypatch.chdir(tmp_path)
    assert_refused(2, message, "predict", "model.keras", *words)
