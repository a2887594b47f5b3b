"""The user's snapshots, as their files have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stillmotion.audit.faults.jpeg import NONE, Jpeg, quality_of
from stillmotion.audit.resampling import Picture
from stillmotion.data.media import find_media, is_image
from stillmotion.decoding import probe, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A picture: float32 `(height, width, 3)`, 0 to 255, upright; how its JPEG was made; its folder's name as label."""

    file: Path
    picture: Picture
    jpeg: Jpeg | None
    label: str | None = None


def read_snapshots(folder: Path, labels: Sequence[str] = ()) -> tuple[list[Snapshot], list[str]]:
    """The pictures below a folder (or the one file), and why some are left out.

    A picture in a folder of a label's name has that label.

    Raises:
        UsageError: nothing is there.
        StillmotionError: no picture can be read.
    """
    if not folder.exists():
        raise UsageError(f"{folder}: no such folder of snapshots")
    files = [folder] if folder.is_file() else find_media(folder, is_image)
    found, skipped = [], []
    for file in files:
        try:
            facts = probe(file)
            picture = read_frames(file, [0.0], facts.height, facts.width).images[0].astype(np.float32)
        except UnreadableVideoError as error:
            skipped.append(str(error))
            continue
        found.append(Snapshot(file, picture, _jpeg(file), file.parent.name if file.parent.name in labels else None))
    if not found:
        raise StillmotionError(skipped[0] if skipped else f"{folder}: no pictures in this folder")
    return found, skipped


def _jpeg(file: Path) -> Jpeg | None:
    """How a JPEG was made. None for other files, which may hold what was JPEG once."""
    from PIL import Image, JpegImagePlugin

    with Image.open(file) as image:
        if image.format != "JPEG" or not isinstance(image, JpegImagePlugin.JpegImageFile):
            return None
        sampling = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(JpegImagePlugin.get_sampling(image), "4:2:0")
        table = image.quantization.get(0)
        return (quality_of([int(step) for step in table]), sampling) if table else NONE
