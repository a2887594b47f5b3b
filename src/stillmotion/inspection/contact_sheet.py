"""A contact sheet: one row per label, with the middle frames of some of its videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stillmotion.clips import Segment, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError
from stillmotion.progress import Progress, no_progress

MAX_IMAGES, MAX_LABELS, MAX_TITLE_LETTERS = 7, 40, 80
# In pixels.
IMAGE_HEIGHT, TITLE_HEIGHT, GAP = 96, 20, 6
MIN_IMAGE_WIDTH, MAX_IMAGE_WIDTH, MIN_SHEET_WIDTH = 8, 3 * IMAGE_HEIGHT, 200


def write_contact_sheet(segments: Sequence[Segment], path: Path, *, progress: Progress = no_progress) -> Path:
    """Draw some videos of each label, evenly chosen from its list.

    Args:
        segments: of an opened data set.
        path: where the image goes; its ending selects the format.
        progress: receives the number of labels drawn.

    Returns:
        The path.

    Raises:
        StillmotionError: the image cannot be written.
    """
    labels = sorted({segment.video.label or "" for segment in segments})[:MAX_LABELS]
    rows = []
    for number, label in enumerate(labels, 1):
        rows.append((label, _read_row([segment for segment in segments if (segment.video.label or "") == label])))
        progress("drawing the contact sheet", number, len(labels))
    width = max([sum(image.width + GAP for image in images) for _, images in rows] + [MIN_SHEET_WIDTH]) + GAP
    row_height = TITLE_HEIGHT + IMAGE_HEIGHT + 2 * GAP
    sheet = Image.new("RGB", (width, GAP + len(rows) * row_height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for number, (label, images) in enumerate(rows):
        x, y = GAP, GAP + number * row_height
        # Pillow's own font has few scripts: letters that it cannot draw are shown as question marks.
        title = label.encode("latin-1", "replace").decode("latin-1")
        if len(title) >= MAX_TITLE_LETTERS:
            title = f"{title[: MAX_TITLE_LETTERS - 1]}..."
        draw.text((x, y), title, fill=(40, 40, 40), font=font)
        for image in images:
            sheet.paste(image, (x, y + TITLE_HEIGHT))
            x += image.width + GAP
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise StillmotionError(f"{path}: the contact sheet cannot be written ({error})") from None
    return path


def _read_row(segments: Sequence[Segment]) -> list[Image.Image]:
    """The middle frames of a label's videos, with their aspect ratios unless these are extreme."""
    images = []
    step = max(1, len(segments) // MAX_IMAGES)
    for segment in segments[::step][:MAX_IMAGES]:
        width = round(IMAGE_HEIGHT * segment.facts.width / segment.facts.height)
        width = max(MIN_IMAGE_WIDTH, min(MAX_IMAGE_WIDTH, width))
        try:
            frames = read_frames(segment.file, [sum(segment.window) / 2], IMAGE_HEIGHT, width)
        except UnreadableVideoError:
            continue
        images.append(Image.fromarray(frames.images[0]))
    return images
