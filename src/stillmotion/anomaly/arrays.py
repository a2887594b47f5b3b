"""Arrays of a detector on disk: each file holds plain NumPy arrays, with a prefix for what they belong to."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.cycle import CycleRegion
from stillmotion.anomaly.frame_scores import CellScales
from stillmotion.anomaly.memory import Memory
from stillmotion.files import atomic_write

# What reading a file of arrays may raise if it is not one.
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
_MEMORY = ("patches", "top", "motion", "motion_scale")
_REGION = ("pictures", "projection", "spread")
Arrays = dict[str, NDArray[Any]]


class Learned(NamedTuple):
    """What was learned from some footage.

    Attributes:
        memory: what is normal.
        scales: what distances from it are divided by.
        cycles: what repeats.
    """

    memory: Memory
    scales: CellScales
    cycles: tuple[CycleRegion, ...] = ()


def write_arrays(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write a file of arrays.

    Raises:
        StillmotionError: it cannot be written.
    """
    with atomic_write(file) as part, part.open("wb") as opened:
        np.savez(opened, **arrays)


def read_arrays(file: Path, prefix: str = "") -> Arrays:
    """The arrays of a file whose names begin with a prefix, without it. Raises one of `DAMAGED`."""
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
        return {name.removeprefix(prefix): archive[name] for name in archive.files if name.startswith(prefix)}


def pack(learned: Learned, prefix: str = "") -> Arrays:
    """The arrays of what was learned."""
    arrays = {f"{prefix}{name}": getattr(learned.memory, name) for name in _MEMORY}
    arrays |= {f"{prefix}cell_{name}": np.asarray(value, np.float32) for name, value in vars(learned.scales).items()}
    for number, region in enumerate(learned.cycles):
        arrays |= {f"{prefix}cycle{number}_{name}": getattr(region, name) for name in _REGION}
        facts = (region.period, region.stride, region.usual_distance, region.usual_speed)
        arrays[f"{prefix}cycle{number}_cells"] = region.cells
        arrays[f"{prefix}cycle{number}_facts"] = np.array(facts, np.float64)
    return arrays


def unpack(arrays: Arrays) -> Learned:
    """What `pack` has packed. Raises KeyError or ValueError."""
    memory = Memory(**{name: arrays[name] for name in _MEMORY})
    scales = CellScales(arrays["cell_patches"], float(arrays["cell_top"]), arrays["cell_motion"])
    return Learned(memory, scales, _unpack_cycles(arrays))


def _unpack_cycles(arrays: Arrays) -> tuple[CycleRegion, ...]:
    regions: list[CycleRegion] = []
    while f"cycle{len(regions)}_facts" in arrays:
        start = f"cycle{len(regions)}_"
        period, stride, distance, speed = map(float, arrays[f"{start}facts"])
        parts = {name: arrays[f"{start}{name}"] for name in _REGION}
        regions.append(
            CycleRegion(
                period, int(stride), arrays[f"{start}cells"], **parts, usual_distance=distance, usual_speed=speed
            )
        )
    return tuple(regions)


def pack_scores(scores: Mapping[Any, Sequence[NDArray[np.float64]]]) -> Arrays:
    """The scores of each kind, those of each recording one after the other."""
    lengths = np.array([len(part) for part in next(iter(scores.values()))])
    return {"frames": lengths} | {kind: np.concatenate(parts).astype(np.float32) for kind, parts in scores.items()}


def unpack_scores(arrays: Arrays) -> dict[Any, list[NDArray[np.float64]]]:
    """What `pack_scores` has packed. Raises KeyError."""
    ends = np.cumsum(arrays["frames"])[:-1]
    return {kind: np.split(values.astype(np.float64), ends) for kind, values in arrays.items() if kind != "frames"}
