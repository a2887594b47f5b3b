"""Files that are there whole or not at all, whenever the machine stops."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stillmotion.errors import StillmotionError


def make_folder(folder: Path) -> Path:
    """The folder, made if need be.

    Raises:
        StillmotionError: it cannot be made, or a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StillmotionError(f"{folder}: cannot make this folder ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise StillmotionError(f"{folder}: no permission to write in this folder; choose another with --out")
    return folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its name at the end. Its ending is the same.

    Raises:
        StillmotionError: it cannot be written.
    """
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise StillmotionError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people and machines, a list of numbers on one line; whole or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\n[-+\d.eE,\s]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
