"""Files that are complete or not there, and folders that one process uses at a time."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, check_folder, folder_lock, make_folder


def test_an_interrupted_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_cannot_be_made_below_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.touch()
    with pytest.raises(StillmotionError, match="cannot make this folder"):
        make_folder(path / "below")
    with pytest.raises(StillmotionError, match=r"a\.txt is a file"):
        check_folder(path / "below" / "further")


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    """PyArrow names what it writes to."""
    message = pytest.raises(StillmotionError, match=r"a\.txt: cannot be written \(No space left on device\)$")
    with message, atomic_write(tmp_path / "a.txt") as part:
        raise OSError(errno.ENOSPC, f"Failed to open local file '{part}'")


def test_one_process_works_in_a_folder_at_a_time(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path),
        pytest.raises(StillmotionError, match="another stillmotion process is using"),
        folder_lock(tmp_path),
    ):
        pass


def test_a_killed_process_releases_its_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from stillmotion.files import folder_lock\n"
        "with folder_lock(Path(sys.argv[1])): print('locked', flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False, timeout=60
    )
    assert killed.stdout == "locked\n" and killed.returncode != 0
    with folder_lock(tmp_path):
        pass


@pytest.mark.parametrize("use", [check_folder, make_folder])
def test_a_folder_name_with_the_character_nul_is_refused(tmp_path: Path, use: Callable[[Path], object]) -> None:
    with pytest.raises(UsageError, match="no folder name can hold the character NUL"):
        use(tmp_path / "a\0b")
    assert list(tmp_path.iterdir()) == []


def test_a_drive_without_locks_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(*_: object, **__: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("stillmotion.files.FileLock.acquire", acquire)
    with pytest.raises(StillmotionError, match="this drive has no file locks"), folder_lock(tmp_path):
        pass
