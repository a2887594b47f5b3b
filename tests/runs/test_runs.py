"""run.json: what is written is read, and what is no run says so."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
import sys
from pathlib import Path

import pytest

from stillmotion.clips import Augment, ClipSpec
from stillmotion.data import Video
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, check_folder, empty_folder, folder_lock, make_folder
from stillmotion.runs import CostRecord, DataRecord, Recipe, Run, RunRecord, TrainingRecord, read_run, write_run

RECORD = RunRecord(
    Recipe("cnn_rnn", {"rnn": "lstm", "bidirectional": False}, ClipSpec(8, 12.5, (48, 64)), Augment(flip=True)),
    ('a "b" / 🎉', "b"),
    DataRecord("/data", "f00", (Video("é/a.mp4", "b", "g", "train", 1.0, None), Video("c.mp4", "b", "h", "test")),
               (("x.mp4", "x.mp4: empty file"),), 2.5),
    {"keras": "3"},
    TrainingRecord(3, 2, 1.5, 0.25, 0.75),
    CostRecord(10, 1.25, 640.0),
)  # fmt: skip


@pytest.mark.parametrize("spec", [ClipSpec(8, 12.5, (48, 64)), ClipSpec()])
def test_what_is_written_is_read(tmp_path: Path, spec: ClipSpec) -> None:
    record = dataclasses.replace(RECORD, recipe=dataclasses.replace(RECORD.recipe, spec=spec))
    run = write_run(Run(tmp_path, record))
    assert read_run(tmp_path) == run
    assert read_run(tmp_path / "model.keras") == run
    assert [video.path for video in run.record.data.part("test")] == ["c.mp4"]


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such run folder"):
        read_run(tmp_path / "none")
    with pytest.raises(StillmotionError, match="not a run"):
        read_run(tmp_path)
    write_run(Run(make_folder(tmp_path / "comparison" / "runs" / "conv3d-seed0"), RECORD))
    with pytest.raises(StillmotionError, match=r"did you mean .*conv3d-seed0"):
        read_run(tmp_path / "comparison")
    for text in ("", "{", "[]", '{"recipe": {}}'):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(StillmotionError, match="not a run's record"):
            read_run(tmp_path)


def test_an_unfinished_run_and_a_later_one(tmp_path: Path) -> None:
    write_run(Run(tmp_path, dataclasses.replace(RECORD, training=None)))
    with pytest.raises(StillmotionError, match="not finished"):
        read_run(tmp_path)
    write_run(Run(tmp_path, dataclasses.replace(RECORD, format=2)))
    with pytest.raises(StillmotionError, match="later version"):
        read_run(tmp_path)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StillmotionError, match="cannot make this folder"):
        make_folder(path / "below")
    with pytest.raises(StillmotionError, match=r"a\.txt is a file"):
        check_folder(path / "below" / "further")


def test_the_systems_words_and_the_files_own_name(tmp_path: Path) -> None:
    """PyArrow names what it writes to."""
    says = pytest.raises(StillmotionError, match=r"a\.txt: cannot be written \(No space left on device\)$")
    with says, atomic_write(tmp_path / "a.txt") as part:
        raise OSError(errno.ENOSPC, f"Failed to open local file '{part}'")


def test_one_process_works_in_a_folder(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "out"):
        (tmp_path / "out" / "below").mkdir()
        (tmp_path / "out" / "below" / "a.txt").touch()
        empty_folder(tmp_path / "out")
        with pytest.raises(StillmotionError, match="another stillmotion"), folder_lock(tmp_path / "out"):
            pass
    code = (
        "import os, sys; from pathlib import Path; from stillmotion.runs import folder_lock\n"
        "with folder_lock(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "out"], check=False, timeout=60)
    assert killed.returncode
    with folder_lock(tmp_path / "out"):
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
