"""The names of a run's files, and how a run is deleted without touching anything else."""

from __future__ import annotations

import shutil
from pathlib import Path

from stillmotion.errors import StillmotionError

RECORD_FILE = "run.json"
MODEL_FILE = "model.keras"
SNAPSHOT_FILE = "snapshot.keras"
HISTORY_FILE = "history.csv"
MEMORY_FILE = "memory.npz"
PREDICTIONS_FILE = "predictions.parquet"
OVER_TIME_FILE = "over_time.parquet"
PERTURBED_FILE = "perturbed.parquet"
UNFINISHED_FOLDER = "unfinished"
STATE_FILE = "state.json"  # in the folder of an unfinished training, with the weights
WEIGHTS_PATTERNS = ("latest-*.npz", "best-*.npz")
TENSORBOARD_FOLDER = "tensorboard"
EXPORTS_FOLDER = "exports"
COMPARISON_FILE = "comparison.json"  # in the folder above the runs of a comparison

# The record is first: a folder without it does not claim to hold a complete run.
RUN_FILES = (
    RECORD_FILE,
    MODEL_FILE,
    SNAPSHOT_FILE,
    HISTORY_FILE,
    MEMORY_FILE,
    PREDICTIONS_FILE,
    OVER_TIME_FILE,
    PERTURBED_FILE,
)


def delete_run_files(folder: Path) -> None:
    """Delete what a training, an evaluation and an export write in a run's folder, and nothing else.

    Args:
        folder: the run's folder.

    Raises:
        StillmotionError: a file cannot be deleted.
    """
    try:
        for name in RUN_FILES:
            _delete_file(folder / name)
        for name in (TENSORBOARD_FOLDER, EXPORTS_FOLDER):
            path = folder / name
            if path.is_symlink():
                path.unlink()
            elif path.is_dir():
                shutil.rmtree(path)
    except OSError as error:
        raise _cannot_be_deleted(folder, error) from None
    delete_unfinished(folder / UNFINISHED_FOLDER)


def delete_unfinished(folder: Path) -> None:
    """Delete the saved state of a training, and its folder if nothing else is in it.

    Args:
        folder: the folder of the unfinished training; it may be missing.

    Raises:
        StillmotionError: a file cannot be deleted.
    """
    if not folder.is_dir():
        return
    # The folder's name is an ordinary word, so files of the user may be in it.
    try:
        for pattern in (STATE_FILE, *WEIGHTS_PATTERNS):
            for path in [*folder.glob(pattern), *folder.glob(f".part-{pattern}")]:
                _delete_file(path)
        if not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise _cannot_be_deleted(folder, error) from None


def _delete_file(path: Path) -> None:
    """Delete a file or a link; a folder of this name is not one of a run's files."""
    if path.is_file() or path.is_symlink():
        path.unlink()


def _cannot_be_deleted(folder: Path, error: OSError) -> StillmotionError:
    """The error for a file that cannot be deleted."""
    return StillmotionError(f"{error.filename or folder}: cannot be deleted ({error.strerror or error})")
