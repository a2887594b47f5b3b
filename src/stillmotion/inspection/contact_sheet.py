"""A contact sheet: a row a label, a few of its videos' middle frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stillmotion.clips import Segment, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError

PICTURES, HEIGHT, GAP, TITLE = 7, 96, 6, 20
MOST_LABELS = 40


def write_contact_sheet(segments: Sequence[Segment], path: Path) -> Path:
    """Draw videos of each label, spread evenly over its list, and write the picture.

    Raises:
        StillmotionError: it cannot be written.
    """
    labels = sorted({segment.video.label or "" for segment in segments})[:MOST_LABELS]
    rows = [(label, _row([s for s in segments if (s.video.label or "") == label])) for label in labels]
    width = max([sum(image.width + GAP for image in images) for _, images in rows] + [200]) + GAP
    sheet = Image.new("RGB", (width, GAP + len(rows) * (TITLE + HEIGHT + 2 * GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    y = GAP
    for label, images in rows:
        # The font that comes along knows few scripts: what it cannot draw is shown as ?.
        text = label.encode("latin-1", "replace").decode("latin-1")
        draw.text((GAP, y), text if len(text) < 80 else text[:79] + "...", fill=(40, 40, 40), font=font)
        x = GAP
        for image in images:
            sheet.paste(image, (x, y + TITLE))
            x += image.width + GAP
        y += TITLE + HEIGHT + 2 * GAP
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise StillmotionError(f"{path}: the contact sheet cannot be written ({error})") from None
    return path


def _row(segments: Sequence[Segment]) -> list[Image.Image]:
    images = []
    step = max(1, len(segments) // PICTURES)
    for segment in segments[::step][:PICTURES]:
        width = max(8, min(3 * HEIGHT, round(HEIGHT * segment.facts.width / segment.facts.height)))
        try:
            frames = read_frames(segment.file, [sum(segment.window) / 2], HEIGHT, width)
        except UnreadableVideoError:
            continue
        images.append(Image.fromarray(frames.images[0]))
    return images
