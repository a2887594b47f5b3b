"""The user's snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stillmotion.audit.faults import Size
from stillmotion.audit.faults.jpeg import NONE, Jpeg, quality_of
from stillmotion.audit.frame_search import Match
from stillmotion.audit.resampling import Picture
from stillmotion.data.media import find_media, is_image
from stillmotion.decoding import probe, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A picture to compare with its frame: the user's snapshot, or a frame of a video in its place.

    Attributes:
        file: where it was read from; the video for a frame.
        picture: float32 `(height, width, 3)`, 0 to 255, upright.
        jpeg: how its file was compressed; None if the file does not say.
        label: the name of its folder, where that is a label.
        is_frame: whether it is a frame of the video itself.
    """

    file: Path
    picture: Picture
    jpeg: Jpeg | None = None
    label: str | None = None
    is_frame: bool = False

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.picture.shape[0], self.picture.shape[1]


@dataclass(frozen=True, eq=False)
class MatchedSnapshot:
    """A snapshot, and the frame that it shows; no match if it shows none."""

    snapshot: Snapshot
    match: Match | None


def read_snapshots(folder: Path, labels: Sequence[str] = ()) -> tuple[list[Snapshot], list[str]]:
    """Read the pictures in a folder and below it.

    Args:
        folder: the folder, or a single picture.
        labels: names that folders of labeled pictures may have.

    Returns:
        The pictures, and for each file that cannot be read one line that says why.

    Raises:
        UsageError: there is no such folder.
        StillmotionError: no picture can be read.
    """
    if not folder.exists():
        raise UsageError(f"{folder}: no such folder of snapshots")
    files = [folder] if folder.is_file() else find_media(folder, is_image)
    snapshots, skipped = [], []
    for file in files:
        try:
            facts = probe(file)
            picture = read_frames(file, [0.0], facts.height, facts.width).images[0].astype(np.float32)
        except UnreadableVideoError as error:
            skipped.append(str(error))
            continue
        label = file.parent.name if file.parent.name in labels else None
        snapshots.append(Snapshot(file, picture, _read_jpeg(file), label))
    if not snapshots:
        raise StillmotionError(skipped[0] if skipped else f"{folder}: no pictures in this folder")
    return snapshots, skipped


def _read_jpeg(file: Path) -> Jpeg | None:
    """How a JPEG was compressed. None for other files, which may hold what was a JPEG once."""
    from PIL import Image, JpegImagePlugin

    with Image.open(file) as image:
        if image.format != "JPEG" or not isinstance(image, JpegImagePlugin.JpegImageFile):
            return None
        sampling = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(JpegImagePlugin.get_sampling(image), "4:2:0")
        table = image.quantization.get(0)
        return (quality_of([int(step) for step in table]), sampling) if table else NONE
