"""Memories of what is normal. What is far from everything in a memory is unusual.

The look of cells has one memory for the whole picture: a part may lie anywhere (PatchCore, Roth et al. 2022). Movement
has one for each cell: what is normal on the belt is not normal beside it.
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from threadpoolctl import ThreadpoolController

from stillmotion.anomaly.measuring import FLOW_MEASURES, Floats, Measures

# Entries of each memory, at most.
PATCHES, TOPS, STACKS = 4000, 1000, 400
# Candidates for the entries: drawn at random, so that hours of footage fit into memory.
CANDIDATES = 40_000
# How long movement is looked at, in seconds, and in how many parts: so that stopping and slowness are seen.
STACK_SECONDS, STACK_PARTS = 1.0, 4
# Each time that footage is added, a memory grows by this part of its usual size, until it has twice that size.
GROWTH = 4
# Numbers of a random projection, and rows that are compared at a time.
_SKETCH = 16
_CHUNK = 2000


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Multiply small matrices on one thread.

    Several threads wait for each other, which costs more than they save. On two busy cores, the distances of a frame
    took 15 ms of processor time with two threads, and 2 ms with one.
    """
    limited: AbstractContextManager[object] = _threads().limit(limits=1, user_api="blas")
    return limited


class MotionStack:
    """The movement of the last second in each cell, from one frame after the other.

    Args:
        rate: frames per second.
    """

    def __init__(self, rate: float) -> None:
        self._recent: deque[Floats] = deque(maxlen=max(STACK_PARTS, round(STACK_SECONDS * rate)))

    def push(self, measures: Measures) -> Floats | None:
        """Take the next frame.

        Returns:
            float32 `(cells, 16)`; None until a second of the recording has been seen.
        """
        if measures.starts:
            self._recent.clear()
            return None  # There is no frame before it.
        self._recent.append(measures.flow)
        if len(self._recent) < (self._recent.maxlen or 0):
            return None
        parts = np.array_split(np.stack(self._recent), STACK_PARTS)
        return np.concatenate([part.mean(axis=0) for part in parts], axis=1)


@dataclass(frozen=True)
class Distances:
    """How far a frame is from what is normal.

    Attributes:
        starts: whether the frame is the first of a recording.
        patches: float32 `(cells,)`, of the look of each cell.
        top: of the look of the whole picture.
        motion: float32 `(cells,)`; None where there is no second of movement yet.
    """

    starts: bool
    patches: Floats
    top: float
    motion: Floats | None


@dataclass(frozen=True)
class Memory:
    """What is normal.

    Attributes:
        patches: float32 `(entries, channels)`.
        top: float32 `(entries, features)`.
        motion: float32 `(cells, entries, 16)`, divided by `motion_scale`; no entries if all recordings were too short.
        motion_scale: float32 `(16,)`: how much each measure of movement varies.
    """

    patches: Floats
    top: Floats
    motion: Floats
    motion_scale: Floats

    def distances(self, measures: Measures, stack: Floats | None) -> Distances:
        """How far a frame is from the nearest entries.

        Args:
            measures: of the frame.
            stack: what `MotionStack` gave for it.

        Returns:
            Euclidean distances.
        """
        with one_thread():
            patches, top = self.look_distances(measures)
            return Distances(measures.starts, patches, top, self._motion_distances(stack))

    def _motion_distances(self, stack: Floats | None) -> Floats | None:
        if stack is None or not self.motion.size:
            return None
        scaled = (stack / self.motion_scale)[:, None]
        distances: Floats = np.sqrt(_squares(scaled, self.motion, self._motion_squares).min(axis=(1, 2)))
        return distances

    def look_distances(self, measures: Measures) -> tuple[Floats, float]:
        """How far the look of a frame is from the nearest entries: `patches` and `top` of `Distances`."""
        patches = np.sqrt(_squares(measures.patches, self.patches, self._patch_squares).min(axis=1))
        return patches, float(np.sqrt(_squares(measures.top[None], self.top, self._top_squares).min()))

    @cached_property
    def _patch_squares(self) -> Floats:
        return _lengths(self.patches)

    @cached_property
    def _top_squares(self) -> Floats:
        return _lengths(self.top)

    @cached_property
    def _motion_squares(self) -> Floats:
        return _lengths(self.motion)


class MemoryBuilder:
    """Collects normal frames, as many as come, and makes a memory of them.

    Args:
        seed: of the random draws.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._cells = 0
        self._patches, self._top, self._motion = (_Reservoir(count, self._rng) for count in (CANDIDATES, 4000, 4000))

    def add(self, measures: Measures, stack: Floats | None) -> None:
        """Add a normal frame."""
        self._cells = len(measures.patches)
        self._patches.add(measures.patches)
        self._top.add(measures.top[None])
        if stack is not None:
            self._motion.add(stack[None])

    def build(self, known: Memory | None = None) -> Memory:
        """Make the memory: of the candidates, those that are farthest from each other (Sener and Savarese 2018).

        Args:
            known: a memory whose entries are candidates, too; None to begin anew.
        """
        with one_thread():
            return self._build(known)

    def _build(self, known: Memory | None) -> Memory:
        patches, top = self._patches.items(), self._top.items()
        motion = self._motion.items() if self.has_motion else np.empty((0, self._cells, len(_floors())), np.float32)
        scale = _motion_scale(motion) if known is None else known.motion_scale
        stacks = np.swapaxes(motion / scale, 0, 1)
        if known is None:
            entries = np.stack([_spread_out(cell, STACKS, self._rng) for cell in stacks])
            patches, top = _spread_out(patches, PATCHES, self._rng), _spread_out(top, TOPS, self._rng)
            return Memory(patches, top, entries.astype(np.float32), scale)
        entries = known.motion
        if stacks.size and known.motion.size:
            cells = zip(known.motion, stacks, strict=True)
            entries = np.stack([_grown(before, cell, STACKS, self._rng) for before, cell in cells])
        patches = _grown(known.patches, patches, PATCHES, self._rng)
        return Memory(patches, _grown(known.top, top, TOPS, self._rng), entries.astype(np.float32), scale)

    @property
    def has_motion(self) -> bool:
        """Whether a second of movement has been seen."""
        return self._motion.seen > 0


def _motion_scale(motion: Floats) -> Floats:
    """How much each measure varies within cells, but not less than some of how much it varies over all.

    So a cell in which nothing ever moves is not infinitely sensitive.
    """
    if not len(motion):
        return _floors()
    within = motion.std(axis=0).mean(axis=0)
    scale: Floats = np.maximum(np.maximum(within, 0.1 * motion.std(axis=(0, 1))), _floors()).astype(np.float32)
    return scale


def _floors() -> Floats:
    """The smallest scales: movement below a hundredth of the picture per second, or half a level, is noise."""
    per_part = {"to the right": 0.01, "downward": 0.01, "speed": 0.01, "change": 0.002}
    return np.tile(np.array([per_part[name] for name in FLOW_MEASURES], np.float32), STACK_PARTS)


class _Reservoir:
    """A uniform random sample of rows that come one batch after the other (Vitter 1985)."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size, self.rng = size, rng
        self.seen = 0
        self._kept: Floats | None = None

    def add(self, rows: Floats) -> None:
        if self._kept is None:
            self._kept = np.empty((self.size, *rows.shape[1:]), np.float32)
        numbers = np.arange(self.seen, self.seen + len(rows))
        places = np.where(numbers < self.size, numbers, self.rng.integers(numbers + 1))
        for row in np.flatnonzero(places < self.size):
            self._kept[places[row]] = rows[row]
        self.seen += len(rows)

    def items(self) -> Floats:
        assert self._kept is not None
        return self._kept[: min(self.seen, self.size)]


def _lengths(rows: Floats) -> Floats:
    """The squared length of each row."""
    lengths: Floats = np.square(rows).sum(axis=-1)
    return lengths


def _squares(rows: Floats, entries: Floats, lengths: Floats) -> Floats:
    """The squared distance of each row from each entry, whose squared lengths are known."""
    products = rows @ np.swapaxes(entries, -1, -2)
    squares: Floats = np.maximum(_lengths(rows)[..., None] + lengths[..., None, :] - 2 * products, 0)
    return squares


def _spread_out(rows: Floats, count: int, rng: np.random.Generator, known: Floats | None = None) -> Floats:
    """Rows that cover all others: each next one is the one that is farthest from those before.

    Distances are those of random projections, as in PatchCore: a hundred times less work.

    Args:
        rows: to choose from.
        count: how many to choose, at most.
        rng: of the projection.
        known: rows that are chosen already.
    """
    if len(rows) <= count:
        return rows
    width = min(_SKETCH, rows.shape[1])
    projection = rng.normal(size=(rows.shape[1], width)) / np.sqrt(width)
    sketch = np.ascontiguousarray((rows @ projection).T, np.float32)
    squares = np.square(sketch).sum(axis=0)
    far = np.full(len(rows), np.inf, np.float32)
    chosen = [] if known is not None else [int(rng.integers(len(rows)))]
    if known is not None:
        entries = (known @ projection).astype(np.float32)
        lengths = _lengths(entries)
        for start in range(0, len(rows), _CHUNK):
            part = np.ascontiguousarray(sketch[:, start : start + _CHUNK].T)
            far[start : start + _CHUNK] = _squares(part, entries, lengths).min(axis=1)
        chosen.append(int(far.argmax()))
    while len(chosen) < count:
        last = chosen[-1]
        np.minimum(far, squares + squares[last] - 2 * (sketch[:, last] @ sketch), out=far)
        far[last] = -np.inf  # Never twice, not even among equal rows.
        chosen.append(int(far.argmax()))
    spread: Floats = rows[np.sort(chosen)]
    return spread


def _grown(known: Floats, rows: Floats, usual: int, rng: np.random.Generator) -> Floats:
    """Known entries and some new ones, which are far from them.

    None is given up for them, so what was normal stays as normal as thresholds expect, until there are twice as many as
    usual.
    """
    new = _spread_out(rows, max(1, usual // GROWTH), rng, known)
    return _spread_out(np.concatenate([known, new]), 2 * usual, rng)
