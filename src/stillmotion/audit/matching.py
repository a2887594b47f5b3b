"""Where a picture comes from: which video, which frame, how it is turned and framed.

First over all frames, small: normalised correlation of brightness, which no channel order, scaling or exposure
changes much. Then over the best frames, larger: what no linear map of colours explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.framing import FRAMING, WHOLE, Box, box_of
from stillmotion.audit.faults.orientation import ALL_TURNS, ORIENTATION, Turn
from stillmotion.audit.resampling import Picture, resize
from stillmotion.audit.video_index import SIDE, IndexedVideo
from stillmotion.decoding import Images

SMALL = 24  # side of what is correlated, in pixels
ALIKE_SIDE = 40  # side at which a match is accepted or refused, in pixels
REFINED = 112  # side at which a crop is found exactly, in pixels
FINE = 256  # side of what is compared, at most
# A picture whose likeness to its best frame is below this is of another moment, or of something else.
ALIKE = 0.9
# A frame beside the expected one, another turn or framing must explain so much better to be believed.
DOUBT = 0.97
# How a crop is moved and sized to fit better: left, top, right, bottom.
MOVES = ((1, 0, 1, 0), (0, 1, 0, 1), (1, 1, -1, -1), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))


@dataclass(frozen=True, eq=False)
class Match:
    """A picture's moment: frame `index` of `reel`, turned, then framed. `likeness` is 1 where nothing is left over."""

    reel: IndexedVideo
    index: int
    turn: Turn
    box: Box
    likeness: float

    @property
    def seconds(self) -> float:
        """When the frame begins."""
        return float(self.reel.seconds[self.index])


def align(picture: Picture, reels: Sequence[IndexedVideo], boxes: Sequence[Box] = ()) -> Match | None:
    """The moment of a picture `(height, width, 3)` of any range; None where it matches none.

    Args:
        boxes: framings to try beside the usual ones.
    """
    bars = _bars(picture)
    found = [_coarse(picture, reel, [*bars, *boxes]) for reel in reels]
    found.sort(key=lambda one: -one[0])
    tried = [_fine(picture, reel, boxes) for top, reel, boxes in found[:3] if top > found[0][0] - 0.1]
    best = max(tried, key=lambda match: match.likeness)
    alike = _alike(picture, best)
    if alike < ALIKE:
        searched = _search_box(picture, found[0][1])
        if (found_alike := _alike(picture, searched)) > max(alike, ALIKE):
            best, alike = searched, found_alike
    return replace(best, likeness=alike) if alike >= ALIKE else None


def align_near(picture: Picture, reel: IndexedVideo, expected: int, turn: Turn, box: Box, radius: int = 12) -> Match:
    """The frame nearest to `expected` that explains a picture best, its turn and framing known."""
    near = range(max(0, expected - radius), min(len(reel), expected + radius + 1))
    return _best_frame(picture, reel, sorted(near, key=lambda index: abs(index - expected)), turn, box)


def leftover(picture: Picture, seen: Picture) -> float:
    """The share of a picture's variation, 0 to 1, that no map of the colours of `seen` and their squares explains.

    Both `(height, width, 3)`, of the same size.
    """
    count = picture.shape[0] * picture.shape[1]
    both = np.empty((count, 9), np.float32)
    both[:, :3] = seen.reshape(-1, 3)
    both[:, :3] /= 255
    np.square(both[:, :3], out=both[:, 3:6])
    both[:, 6:] = picture.reshape(-1, 3)
    both -= both.mean(0)
    gram = (both.T @ both).astype(np.float64)
    shared, spread = gram[:6, 6:], float(np.trace(gram[6:, 6:]))
    if spread <= 1e-9 * count:
        return 1.0
    explained = float((shared * np.linalg.solve(gram[:6, :6] + 1e-7 * count * np.eye(6), shared)).sum())
    return float(np.sqrt(np.clip(1 - explained / spread, 0, 1)))


def _alike(picture: Picture, match: Match) -> float:
    """How well a picture is explained by its frame, both so small that noise and kernels do not matter."""
    frame = match.reel.shot(match.index).picture
    size = (picture.shape[0], picture.shape[1])
    scale = min(1.0, ALIKE_SIDE / max(size))
    small = max(4, round(size[0] * scale)), max(4, round(size[1] * scale))
    seen = resize(frame_as(frame, match.turn, match.box, size), *small, "area")
    return float(np.sqrt(1 - leftover(resize_any(picture, *small), seen) ** 2))


def _coarse(
    picture: Picture, reel: IndexedVideo, boxes: Sequence[Box]
) -> tuple[float, IndexedVideo, list[tuple[Turn, Box, list[int]]]]:
    """The best correlation, and for the best few turns and framings the frames to look at."""
    small = _unit(resize_any(picture.mean(-1, keepdims=True), SMALL, SMALL)[..., 0].reshape(1, -1))[0]
    scored = []
    for turn in ALL_TURNS:
        for box in dict.fromkeys([*_boxes(picture, reel, turn), *boxes]):
            likeness = _features(reel, turn, box) @ small
            doubt = 0.01 * (turn[0] > 0) + 0.01 * turn[1] + 0.01 * (box != WHOLE)
            scored.append((float(likeness.max()) - doubt, turn, box, likeness))
    scored.sort(key=lambda one: -one[0])
    kept = []
    for _, turn, box, likeness in scored[:4]:
        order = np.argsort(-likeness)[:8]
        kept.append((turn, box, [int(index) for index in order]))
    return scored[0][0], reel, kept


def _fine(picture: Picture, reel: IndexedVideo, tried: list[tuple[Turn, Box, list[int]]]) -> Match:
    """Which of the turns and framings, then which frame."""
    rough = [_best_frame(picture, reel, indices[:2], turn, box) for turn, box, indices in tried]
    simple = min(rough, key=lambda match: ((match.turn != (0, False)) + (match.box != WHOLE), -match.likeness))
    best = max(rough, key=lambda match: match.likeness)
    if 1 - simple.likeness <= (1 - best.likeness) / DOUBT:
        best = simple
    likeness = (
        _features(reel, best.turn, best.box)
        @ _unit(resize_any(picture.mean(-1, keepdims=True), SMALL, SMALL)[..., 0].reshape(1, -1))[0]
    )
    order = [int(index) for index in np.argsort(-likeness)[:10]]
    near = [index for top in (best.index, order[0]) for index in range(top - 3, top + 4) if 0 <= index < len(reel)]
    return _best_frame(picture, reel, list(dict.fromkeys([best.index, *order, *near])), best.turn, best.box)


def _best_frame(picture: Picture, reel: IndexedVideo, indices: Sequence[int], turn: Turn, box: Box) -> Match:
    """The frame of the given ones that leaves least over; the first of equals."""
    whole = _same_size(picture, reel, turn, box)
    step = max(1, int(np.ceil(max(picture.shape[:2]) / FINE))) if whole else 1
    wanted = picture[::step, ::step] if whole else resize_any(picture, *_fine_size(picture))
    best, least = indices[0], np.inf
    for index, frame in _frames(reel, indices):
        seen = frame_as(frame, turn, box, (picture.shape[0], picture.shape[1]))
        seen = seen[::step, ::step] if whole else resize(seen, wanted.shape[0], wanted.shape[1], "area")
        rest = leftover(wanted, seen)
        if rest < least * (DOUBT if index != indices[0] else 1):
            best, least = index, rest
    return Match(reel, best, turn, box, float(np.sqrt(max(0.0, 1 - least**2))))


def frame_as(frame: Images | Picture, turn: Turn, box: Box, size: tuple[int, int]) -> Picture:
    """A frame, turned and framed."""
    turned = ORIENTATION.apply(frame.astype(np.float32), turn, size)
    framed: Picture = FRAMING.apply(turned, box, size)
    return framed


def resize_any(picture: Picture, height: int, width: int) -> Picture:
    """Resized by area without rounding, for values of any range."""
    from stillmotion.audit.resampling import apply_weights, weights

    if picture.shape[:2] == (height, width):
        return picture
    return apply_weights(picture, weights("area", picture.shape[0], height), weights("area", picture.shape[1], width))


def _frames(reel: IndexedVideo, indices: Sequence[int]) -> Iterable[tuple[int, Images]]:
    """Frames by number, at the source's size, in the order asked for; few at once."""
    at_once = max(2, int(1.5e8 // (3 * reel.facts.height * reel.facts.width)))
    for start in range(0, len(indices), at_once):
        some = list(indices[start : start + at_once])
        yield from zip(some, reel.frames(some), strict=True)


def _same_size(picture: Picture, reel: IndexedVideo, turn: Turn, box: Box) -> bool:
    height, width = (reel.facts.height, reel.facts.width)[:: -1 if turn[0] % 2 else 1]
    return box == WHOLE and picture.shape[:2] == (height, width)


def _fine_size(picture: Picture) -> tuple[int, int]:
    scale = min(1.0, FINE / max(picture.shape[:2]))
    return max(8, round(picture.shape[0] * scale)), max(8, round(picture.shape[1] * scale))


def _boxes(picture: Picture, reel: IndexedVideo, turn: Turn) -> list[Box]:
    """Framings that the picture's shape suggests."""
    size = (picture.shape[0], picture.shape[1])
    source = (reel.facts.width, reel.facts.height) if turn[0] % 2 else (reel.facts.height, reel.facts.width)
    found = [WHOLE, box_of("crop", source, size), box_of("crop of 7/8", source, size)]
    return [box for box in dict.fromkeys(found) if box == WHOLE or _differs(box, WHOLE)]


def _differs(one: Box, other: Box) -> bool:
    return max(abs(a - b) for a, b in zip(one[:4], other[:4], strict=True)) > 0.01


def _bars(picture: Picture) -> list[Box]:
    """The framing that bars at the edges suggest: lines of one colour, alike on both sides."""
    low, high = float(picture.min()), float(picture.max())
    if high <= low:
        return []
    level = (picture - low) * (255 / (high - low))
    height, width = picture.shape[:2]
    edges = []
    for lines in (level, level.transpose(1, 0, 2)):
        flat = lines.reshape(len(lines), -1, 3).std(axis=1).max(-1) < 4
        first = int(np.argmin(flat)) if not flat.all() else 0
        last = int(np.argmin(flat[::-1])) if not flat.all() else 0
        both = first + last >= 0.04 * len(lines) and abs(first - last) <= 2 + 0.02 * len(lines)
        edges.append((first, len(lines) - last) if both else (0, len(lines)))
    (top, bottom), (left, right) = edges
    if (top, bottom, left, right) == (0, height, 0, width):
        return []
    across, down = right - left, bottom - top
    grey = int(np.clip(np.median(picture[0] if top else picture[:, 0]), 0, 255))
    return [(-left / across, -top / down, 1 + (width - right) / across, 1 + (height - bottom) / down, grey)]


@lru_cache(maxsize=256)
def _features(reel: IndexedVideo, turn: Turn, box: Box) -> NDArray[np.float32]:
    """All frames, turned, framed and small, as vectors of length 1: `(frames, SMALL * SMALL)`."""
    frames = np.rot90(reel.thumbs, turn[0], axes=(1, 2))
    if turn[1]:
        frames = frames[:, :, ::-1]
    left, top, right, bottom, level = box
    rows, columns = _part(top, bottom), _part(left, right)
    seen = rows @ frames.astype(np.float32) @ columns.T
    bars = np.outer(1 - rows.sum(1), np.ones(SMALL)) + np.outer(rows.sum(1), 1 - columns.sum(1))
    return _unit((seen + np.float32(level) * bars.astype(np.float32)).reshape(len(reel), -1))


def _part(start: float, end: float) -> NDArray[np.float32]:
    """Weights `(SMALL, SIDE)` that see the stretch from `start` to `end` of a line, shares of its length."""
    edges = SIDE * np.linspace(start, end, SMALL + 1)
    pixels = np.arange(SIDE)
    overlap = np.minimum(pixels + 1, edges[1:, None]) - np.maximum(pixels, edges[:-1, None])
    part: NDArray[np.float32] = (np.maximum(overlap, 0) / (edges[1] - edges[0])).astype(np.float32)
    return part


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = rows - rows.mean(1, keepdims=True)
    unit: NDArray[np.float32] = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    return unit.astype(np.float32)


def _search_box(picture: Picture, reel: IndexedVideo) -> Match:
    """Any other crop: a grid over some frames, small, then edge by edge."""
    small = _unit(resize_any(picture.mean(-1, keepdims=True), SMALL, SMALL)[..., 0].reshape(1, -1))[0]
    best: tuple[float, Box] = (-1.0, WHOLE)
    source = reel.facts.width / reel.facts.height
    wide = picture.shape[1] / picture.shape[0]
    for part, x, y in product((0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.44, 0.36), range(7), range(7)):
        across, down = part * min(1.0, wide / source), part * min(1.0, source / wide)
        left, top = x / 6 * (1 - across), y / 6 * (1 - down)
        box = (left, top, left + across, top + down, 0)
        best = max(best, (float((_features(reel, (0, False), box) @ small).max()), box))
    box = best[1]
    for step in (0.04, 0.02, 0.01, 0.005):
        for _ in range(12):
            tries: list[tuple[float, Box]] = []
            for moves in MOVES:
                for sign in (step, -step):
                    sides = [round(side + sign * move, 4) for side, move in zip(box[:4], moves, strict=True)]
                    if sides[2] - sides[0] > 0.1 and sides[3] - sides[1] > 0.1 and min(sides) >= 0 and max(sides) <= 1:
                        moved: Box = (sides[0], sides[1], sides[2], sides[3], 0)
                        tries.append((float((_features(reel, (0, False), moved) @ small).max()), moved))
            better = max(tries) if tries else best
            if better[0] <= best[0]:
                break
            best, box = better, better[1]
    order = [int(index) for index in np.argsort(-(_features(reel, (0, False), box) @ small))[:8]]
    match = _best_frame(picture, reel, order[:3], (0, False), box)
    box = _refined(picture, reel.shot(match.index).picture, box)
    order = [int(index) for index in np.argsort(-(_features(reel, (0, False), box) @ small))[:10]]
    near = [index for index in range(match.index - 3, match.index + 4) if 0 <= index < len(reel)]
    return _best_frame(picture, reel, list(dict.fromkeys([match.index, *order, *near])), (0, False), box)


def _refined(picture: Picture, frame: Images, box: Box) -> Box:
    """The framing edge by edge, by pixels of one frame."""
    size = (picture.shape[0], picture.shape[1])
    scale = min(1.0, REFINED / max(size))
    small = max(8, round(size[0] * scale)), max(8, round(size[1] * scale))
    wanted = resize_any(picture, *small)
    exact = frame.astype(np.float32)

    def rest(sides: Sequence[float]) -> float:
        moved: Box = (sides[0], sides[1], sides[2], sides[3], 0)
        return leftover(wanted, resize(FRAMING.apply(exact, moved, size), *small, "area"))

    best, least = list(box[:4]), rest(box[:4])
    for step in (0.02, 0.01, 0.005, 0.0025):
        for _ in range(6):
            moved = [
                [side + sign * step * move for side, move in zip(best, moves, strict=True)]
                for moves in MOVES
                for sign in (1, -1)
            ]
            inside = [sides for sides in moved if min(sides) >= 0 and max(sides) <= 1 and sides[2] - sides[0] > 0.1]
            tried = min(((rest(sides), sides) for sides in inside), default=(least, best))
            if tried[0] >= least:
                break
            least, best = tried
    return (round(best[0], 4), round(best[1], 4), round(best[2], 4), round(best[3], 4), 0)
