"""comparison.json: what a comparison leaves on disk, and the runs that it reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from stillmotion.comparison.verdict import Verdict
from stillmotion.errors import StillmotionError
from stillmotion.runs import make_folder, write_json

COMPARISON_FILE = "comparison.json"
Kind = Literal["still", "motion"]


@dataclass(frozen=True)
class FamilyFigures:
    """One family: its kind, its figures as in comparison.json, and the folders of its runs."""

    kind: Kind
    figures: Mapping[str, Any]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Families and their figures, the verdict (None without both a still and a motion family), the data."""

    families: Mapping[str, FamilyFigures]
    verdict: Verdict | None
    data: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        families = {
            name: {"kind": family.kind, **family.figures, "runs": list(family.runs)}
            for name, family in self.families.items()
        }
        verdict = self.verdict.to_json() if self.verdict else None
        return {"families": families, "verdict": verdict, "data": dict(self.data), "spec": dict(self.spec)}


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write comparison.json into the folder (made if need be), whole or not at all; return its path."""
    path = Path(folder) / COMPARISON_FILE
    make_folder(path.parent)
    write_json(path, comparison.to_json())
    return path


def read_comparison(folder: Path) -> Comparison:
    """Read it back. Raises StillmotionError if the folder holds none."""
    path = Path(folder) / COMPARISON_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        families = {
            name: FamilyFigures(
                kind=figures["kind"],
                figures={key: value for key, value in figures.items() if key not in ("kind", "runs")},
                runs=tuple(figures.get("runs", ())),
            )
            for name, figures in record.get("families", {}).items()
        }
        verdict = TypeAdapter(Verdict).validate_python(record["verdict"]) if record.get("verdict") else None
    except FileNotFoundError:
        raise StillmotionError(
            f"{folder}: has no {COMPARISON_FILE}; give a folder that 'compare' wrote"
        ) from None
    except OSError as error:
        raise StillmotionError(f"{path}: {error.strerror or error}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StillmotionError(f"{path}: not a comparison's record ({error}); compare again") from None
    return Comparison(families, verdict, record.get("data") or {}, record.get("spec") or {})
