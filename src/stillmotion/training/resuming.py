"""Whether a folder holds the training that is asked for, and how far that has come."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from stillmotion.clips import Segment
from stillmotion.decoding import source_files
from stillmotion.runs import RECORD_FILE, UNFINISHED_FOLDER, DataRecord, Recipe, Run, read_run
from stillmotion.training.checkpoints import TrainingState, other_training_error, read_state

END_BYTES = 2**16


def fingerprint_segments(train: Sequence[Segment], validation: Sequence[Segment]) -> str:
    """A hash of the videos of a training: paths, labels, groups, times, parts, and sizes and ends of the files."""
    rows = []
    for part_number, part in enumerate((train, validation)):
        for segment in part:
            video = segment.video
            described = [video.path, video.label, video.group, video.start_seconds, video.end_seconds]
            files = source_files(segment.file)
            size = sum(file.stat().st_size for file in files)
            rows.append([*described, part_number, size, _ends(files[0]), _ends(files[-1])])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _ends(file: Path) -> str:
    """A hash of the first and the last bytes of a file: raw footage of other things may have the same size."""
    with file.open("rb") as opened:
        digest = hashlib.sha256(opened.read(END_BYTES))
        opened.seek(max(0, file.stat().st_size - END_BYTES))
        digest.update(opened.read(END_BYTES))
    return digest.hexdigest()


def identify_training(recipe: Recipe, data: DataRecord) -> str:
    """A hash of a recipe and its videos: the same for the same training."""
    content = json.dumps([dataclasses.asdict(recipe), data.fingerprint], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def find_training(folder: Path, identity: str) -> tuple[Run | None, TrainingState]:
    """Look for a training in a folder.

    Args:
        folder: where a run is, or will be.
        identity: the hash of the training to look for.

    Returns:
        The finished run, if there is one, and the state to continue from.

    Raises:
        StillmotionError: the folder holds another training, or one that cannot be read.
    """
    if not (folder / RECORD_FILE).exists():
        return None, read_state(folder / UNFINISHED_FOLDER, identity)
    run = read_run(folder)
    if identify_training(run.recipe, run.record.data) != identity:
        raise other_training_error(folder)
    return run, TrainingState(identity)
