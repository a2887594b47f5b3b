"""comparison.json: what a comparison leaves on disk, and the runs that it reads."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from stillmotion.comparison.evidence import Evidence
from stillmotion.comparison.example_videos import ExampleVideo
from stillmotion.comparison.recommending import Recommendation
from stillmotion.comparison.verdict import Verdict
from stillmotion.errors import StillmotionError
from stillmotion.files import make_folder, write_json
from stillmotion.inspection.shortcuts import Shortcut

T = TypeVar("T")
Kind = Literal["still", "motion"]
_VERDICT: TypeAdapter[Verdict | None] = TypeAdapter(Verdict | None)
_RECOMMENDATION: TypeAdapter[Recommendation | None] = TypeAdapter(Recommendation | None)
_EVIDENCE: TypeAdapter[Evidence | None] = TypeAdapter(Evidence | None)
_SHORTCUTS = TypeAdapter(tuple[Shortcut, ...])
_VIDEOS = TypeAdapter(tuple[ExampleVideo, ...])
_KIND: TypeAdapter[Kind] = TypeAdapter(Kind)
COMPARISON_FILE = "comparison.json"


@dataclass(frozen=True)
class FamilyResult:
    """One family: its kind, its figures as in comparison.json, and the folders of its runs."""

    kind: Kind
    figures: Mapping[str, Any]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Families and their figures, the verdict (None without both a still and a motion family), the data.

    videos: some of the test part to look at."""

    families: Mapping[str, FamilyResult]
    verdict: Verdict | None
    data: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    recommendation: Recommendation | None = None
    evidence: Evidence | None = None
    shortcuts: tuple[Shortcut, ...] = ()
    videos: tuple[ExampleVideo, ...] = ()

    def to_json(self) -> dict[str, Any]:
        families = {
            name: {"kind": family.kind, **family.figures, "runs": list(family.runs)}
            for name, family in self.families.items()
        }
        return {
            "families": families,
            "verdict": self.verdict.to_json() if self.verdict else None,
            "recommendation": asdict(self.recommendation) if self.recommendation else None,
            "evidence": asdict(self.evidence) if self.evidence else None,
            "shortcuts": [asdict(one) for one in self.shortcuts],
            "data": dict(self.data),
            "spec": dict(self.spec),
            "videos": [asdict(one) for one in self.videos],
        }


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
        record = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=_finite, parse_constant=_finite)
        if not record["families"]:
            raise ValueError("it has no families")
        families = {
            name: FamilyResult(
                kind=_read(figures, "kind", _KIND),
                figures={key: value for key, value in figures.items() if key not in ("kind", "runs")},
                runs=tuple(figures.get("runs", ())),
            )
            for name, figures in record["families"].items()
        }
        return Comparison(
            families,
            verdict=_read(record, "verdict", _VERDICT),
            data=record.get("data") or {},
            spec=record.get("spec") or {},
            recommendation=_read(record, "recommendation", _RECOMMENDATION),
            evidence=_read(record, "evidence", _EVIDENCE),
            shortcuts=_read(record, "shortcuts", _SHORTCUTS, ()),
            videos=_read(record, "videos", _VIDEOS, ()),
        )
    except FileNotFoundError:
        raise StillmotionError(f"{folder}: has no {COMPARISON_FILE}; give a folder that 'compare' wrote") from None
    except OSError as error:
        raise StillmotionError(f"{path}: {error.strerror or error}") from None
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
        raise StillmotionError(f"{path}: not a comparison's record ({why}); compare again") from None


def _read(record: Mapping[str, Any], key: str, adapter: TypeAdapter[T], nothing: Any = None) -> T:
    try:
        return adapter.validate_python(record.get(key) or nothing)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, (key, *first["loc"])))
        raise ValueError(f"{where}: {first['msg']}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number
