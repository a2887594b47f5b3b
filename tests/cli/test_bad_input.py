"""Whatever is given: one clear line on standard error, the right status, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = "import sys; from stillmotion.cli import main; sys.argv[0] = 'stillmotion'; main()"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )


def refused(status: int, says: str, *words: str | Path) -> None:
    told = run(*words)
    assert told.returncode == status, told.stderr
    assert "Traceback" not in told.stderr
    assert says in told.stderr.splitlines()[-1], told.stderr


def label_folder(root: Path, *labels: str, files: int = 4) -> Path:
    for label in labels:
        (root / label).mkdir(parents=True)
        for number in range(files):
            (root / label / f"{number}.mp4").write_text("not a video")
    return root


def test_nothing_there(tmp_path: Path) -> None:
    refused(2, "no such file or folder", "compare", tmp_path / "none", "--out", tmp_path / "out")


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(1, "no videos in this folder", "compare", tmp_path / "empty", "--out", tmp_path / "out")


def test_one_label(tmp_path: Path) -> None:
    refused(1, "only one label, 'jam'", "compare", label_folder(tmp_path / "d", "jam"), "--out", tmp_path / "out")


def test_only_text_files_named_mp4(tmp_path: Path) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    told = run("compare", data, "--out", tmp_path / "out")
    assert told.returncode == 1
    assert "none of 8 videos can be read" in told.stderr.splitlines()[-1]
    assert "0.mp4: not a readable video" in told.stderr


def test_table_without_path(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label\na.mp4,x\n")
    refused(1, "no column 'path'", "compare", tmp_path / "t.csv", "--out", tmp_path / "out")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
@pytest.mark.parametrize("place", [b"jam\xff/0.mp4", b"jam/0\xff.mp4"])
def test_a_name_that_is_no_text(tmp_path: Path, place: bytes) -> None:
    file = Path(os.fsdecode(os.fsencode(label_folder(tmp_path / "d", "run")) + b"/" + place))
    file.parent.mkdir(exist_ok=True)
    file.write_text("not a video")
    refused(1, r"\xff", "compare", tmp_path / "d", "--out", tmp_path / "out")
    refused(1, "a name that is not in UTF-8; rename it", "inspect", tmp_path / "d")


def test_unwritable_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data = label_folder(tmp_path / "d", "jam", "run")
    refused(1, "cannot make this folder", "compare", data, "--out", tmp_path / "file" / "out")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_not_a_run(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.mp4").write_text("")
    words = [tmp_path] if command == "evaluate" else [tmp_path, tmp_path / "a.mp4"]
    refused(1, "not a run", command, *words)


def test_not_a_comparison(tmp_path: Path) -> None:
    refused(1, "comparison.json", "report", tmp_path)


@pytest.mark.parametrize(
    "flags",
    [["--families", "resnet"], ["--rate", "fast"], ["--size", "big"], ["--split", "0.5,0.5"], ["--margin", "2"],
     ["--frames", "0"], ["--input", "grey"], ["--pool", "best"], ["--no-such-flag"]],
)  # fmt: skip
def test_wrong_calls_end_with_2(tmp_path: Path, flags: list[str]) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    told = run("compare", data, "--out", tmp_path / "out", *flags)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert flags[0].lstrip("-").split("-")[0] in told.stderr


@pytest.mark.parametrize(
    "flags",
    [["--rate", "0"], ["--rate", "-3"], ["--rate", "nan"], ["--rate", "1e9"], ["--size", "0"], ["--size", "64x5000"],
     ["--split", "nan,1,1"], ["--split", "0.5,0.5,0.5"]],
)  # fmt: skip
def test_numbers_that_cannot_be_are_told_before_a_video_is_opened(tmp_path: Path, flags: list[str]) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    refused(2, f"{flags[0]} {flags[1]!r}: ", "train", data, "--out", tmp_path / "out", *flags)
    assert not (tmp_path / "out").exists()


def test_no_folder_is_left_for_data_that_are_none(tmp_path: Path) -> None:
    refused(2, "no such file or folder", "compare", tmp_path / "none", "--out", tmp_path / "out")
    refused(1, "only one label", "compare", label_folder(tmp_path / "d", "jam"), "--out", tmp_path / "out")
    refused(1, "can be read", "compare", label_folder(tmp_path / "f", "jam", "run"), "--out", tmp_path / "out")
    refused(2, "--out is empty", "compare", label_folder(tmp_path / "e", "jam", "run"), "--out", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "e", "f"]
