"""The user's own Python: modules with a frame reader or with custom layers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from stillmotion.errors import UsageError, describe_error


def import_user_module(module: str, option: str) -> ModuleType:
    """Import a module, from the working folder too.

    Args:
        module: its dotted name.
        option: the option that named it, for the message.

    Returns:
        The module.

    Raises:
        UsageError: it cannot be imported.
    """
    try:
        with _working_folder_on_path():
            return importlib.import_module(module)
    except Exception as error:  # A user's module may raise anything.
        raise UsageError(f"{option} {module}: cannot be imported ({describe_error(error)})") from None


def import_custom_objects(module: str) -> dict[str, Any]:
    """The public layers, models and functions that a module defines, by name.

    Args:
        module: its dotted name.

    Returns:
        What `keras.saving.load_model` takes as `custom_objects`.

    Raises:
        UsageError: it cannot be imported.
    """
    namespace = vars(import_user_module(module, "--custom-objects"))
    return {name: value for name, value in namespace.items() if callable(value) and not name.startswith("_")}


@contextmanager
def _working_folder_on_path() -> Iterator[None]:
    """Put the working folder on `sys.path` inside this context only, so that later imports do not come from there."""
    folder = str(Path.cwd())
    if "" in sys.path or folder in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
