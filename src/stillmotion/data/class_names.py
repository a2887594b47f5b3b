"""The class names of a model, as people write them: a list, a text file, or a JSON file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stillmotion.errors import UsageError

# What files of class names are usually called. A text with such an ending is a file, whether it exists or not.
FILE_SUFFIXES = (".txt", ".json", ".names", ".labels")


def read_class_names(labels: str | Path | Sequence[str]) -> tuple[str, ...]:
    """Read class names from a sequence, a comma-separated list or a file.

    A file is text with one name per line, or JSON (its name ends with `.json`): a list of names, an object from name
    to index as Keras and TensorFlow write it, or an object from index to name. In a text file each line may begin
    with its index, as in Teachable Machine's `labels.txt` (`0 cat`, `1 dog`).

    Args:
        labels: the names, a text in which commas separate them, or the path of a file.

    Returns:
        The names in the order of the model's outputs.

    Raises:
        UsageError: the file cannot be read or holds something else, or a name is empty or occurs twice.
    """
    if not isinstance(labels, str | Path):
        return _checked(labels, "the list of class names")
    path = Path(labels)
    # A list may be too long to be a path: os.path.isfile is False then, where Path.is_file raises.
    if isinstance(labels, str) and path.suffix.lower() not in FILE_SUFFIXES and not os.path.isfile(path):
        return _checked([name.strip() for name in labels.split(",")], "the list of class names")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text in UTF-8; expected class names, one per line, or JSON") from None
    except OSError as error:
        raise UsageError(f"{path}: class names cannot be read ({error.strerror or error})") from None
    names = _from_json(content, path) if path.suffix.lower() == ".json" else _from_lines(content)
    return _checked(names, str(path))


def _from_lines(content: str) -> list[str]:
    """One name per line without blank lines, and without indexes if all lines are numbered from 0."""
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    numbered = [re.fullmatch(r"(\d+)\s+(.+)", line) for line in lines]
    # A single unnumbered line shows that the numbers belong to the names ("2 people", "crowd").
    if all(match and int(match[1]) == index for index, match in enumerate(numbered)):
        return [match[2] for match in numbered if match]
    return lines


def _from_json(content: str, path: Path) -> list[str]:
    """The names of a JSON list or object, in the order of the indexes."""
    try:
        names: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: not valid JSON") from None
    if isinstance(names, dict):
        if all(type(index) is int for index in names.values()):
            by_index = {index: name for name, index in names.items()}
        else:
            by_index = {int(key) if key.isdecimal() and len(key) < 10 else key: name for key, name in names.items()}
        if len(by_index) != len(names) or set(by_index) != set(range(len(names))):
            raise UsageError(f"{path}: the indexes of its {len(names)} class names are not 0 to {len(names) - 1}")
        names = [by_index[index] for index in range(len(by_index))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{path}: expected a list of class names, or an object of names and indexes")
    return [name.strip() for name in names]


def _checked(names: Sequence[str], source: str) -> tuple[str, ...]:
    """The names, if there are any and each is there and unique."""
    if not names:
        raise UsageError(f"{source}: no class names")
    if "" in names:
        raise UsageError(f"{source}: class name {names.index('') + 1} of {len(names)} is empty")
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise UsageError(f"{source}: the class name {twice!r} occurs twice")
    return tuple(names)
