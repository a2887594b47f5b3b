"""Pictures of simulated faults, with heat maps of what a detector finds unusual in them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from stillmotion.anomaly import FaultSimulation
from stillmotion.anomaly.faults import FAULTS
from stillmotion.anomaly.simulated_faults import Picture, SimulatedFault

# Cells below this share of what normal footage rarely exceeds are not colored.
FAINT = 0.6
MOST = 3.0


@dataclass(frozen=True)
class Cell:
    """A colored cell of a heat map, in percent of the picture.

    Attributes:
        x: left edge.
        y: upper edge.
        side: of the cell.
        opacity: of its color.
    """

    x: float
    y: float
    side: float
    opacity: float


@dataclass(frozen=True)
class Figure:
    """A simulated fault to look at.

    Attributes:
        fault: what became of it.
        picture: its pictures.
        look: cells that look unusual.
        motion: cells that move unusually.
    """

    fault: SimulatedFault
    picture: Picture
    look: tuple[Cell, ...]
    motion: tuple[Cell, ...]

    @property
    def found_by(self) -> str:
        """What found it, in words."""
        look, motion = (delay is not None for delay in (self.fault.look_delay_seconds, self.fault.motion_delay_seconds))
        return {(True, True): "look and motion", (True, False): "look", (False, True): "motion"}.get(
            (look, motion), "neither"
        )


def picture_figures(simulation: FaultSimulation, *, missed: bool) -> list[Figure]:
    """The faults that have pictures: one of each kind, or those that were missed.

    Args:
        simulation: what became of each fault.
        missed: whether to take those that were missed.

    Returns:
        One figure for each kind of fault at most, in the order of `FAULTS`.
    """
    figures: dict[str, Figure] = {}
    for fault in simulation.faults:
        if fault.picture is None or (missed and fault.delay_seconds is not None):
            continue
        strengths = list(FAULTS[fault.fault].strengths)
        known = figures.get(fault.fault)
        if known is None or strengths.index(fault.strength) > strengths.index(known.fault.strength):
            figures[fault.fault] = Figure(
                fault, fault.picture, heat_cells(fault.picture.look), heat_cells(fault.picture.motion)
            )
    return [figures[name] for name in FAULTS if name in figures]


def heat_cells(values: tuple[float, ...]) -> tuple[Cell, ...]:
    """The cells of a heat map that are colored.

    Args:
        values: of each cell, row by row; 1 is what normal footage rarely exceeds.

    Returns:
        The cells.
    """
    side = isqrt(len(values))
    cells = []
    for place, value in enumerate(values[: side * side]):
        row, column = divmod(place, side)
        if value > FAINT:
            opacity = 0.75 * min(1.0, (value - FAINT) / (MOST - FAINT))
            cells.append(Cell(100 * column / side, 100 * row / side, 100 / side, round(opacity, 3)))
    return tuple(cells)
