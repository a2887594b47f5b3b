"""comparison.json: the record of a comparison on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from stillmotion.comparison.records import Comparison
from stillmotion.errors import StillmotionError
from stillmotion.files import make_folder, write_json
from stillmotion.runs import COMPARISON_FILE

_ADAPTER = TypeAdapter(Comparison)


def write_comparison(comparison: Comparison, folder: str | Path) -> Path:
    """Write comparison.json into a folder, completely or not at all.

    Args:
        comparison: what to write.
        folder: created if it does not exist.

    Returns:
        The path of the file.

    Raises:
        StillmotionError: the file cannot be written.

    Examples:
        >>> comparison = sm.compare_tables(["still.csv", "motion.csv"])
        >>> sm.write_comparison(comparison, "of-tables").name
        'comparison.json'
    """
    path = Path(folder) / COMPARISON_FILE
    make_folder(path.parent)
    write_json(path, comparison.to_json())
    return path


def read_comparison(folder: str | Path) -> Comparison:
    """Read a comparison back.

    Args:
        folder: the folder that holds comparison.json.

    Returns:
        A comparison equal to the one that was written.

    Raises:
        StillmotionError: the folder has no comparison.json, or it is invalid.

    Examples:
        >>> sm.read_comparison("comparison").verdict.margin
        0.05
    """
    path = Path(folder) / COMPARISON_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=_finite, parse_constant=_finite)
        comparison = _ADAPTER.validate_python(record)
        if comparison.verdict is not None and "missed" not in record["verdict"]:
            raise ValueError("an earlier version wrote it, and the answer might be another one now")
        if not comparison.models:
            raise ValueError("it has no models")
        return comparison
    except FileNotFoundError:
        raise StillmotionError(f"{folder}: has no {COMPARISON_FILE}; give a folder that 'compare' wrote") from None
    except OSError as error:
        raise StillmotionError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _invalid(path, f"{place}: {first['msg']}" if place else first["msg"]) from None
    except (ValueError, RecursionError) as error:
        raise _invalid(path, str(error)) from None


def _invalid(path: Path, reason: str) -> StillmotionError:
    one_line = " ".join(reason.split())[:200]
    return StillmotionError(f"{path}: not a comparison's record ({one_line}); compare again")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number
