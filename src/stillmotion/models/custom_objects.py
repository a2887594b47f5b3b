"""The user's own Python: modules with a frame reader or with custom layers."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
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
        module: its dotted name, or its file, such as `src/my_layers.py`.
        option: the option that named it, for the message.

    Returns:
        The module.

    Raises:
        UsageError: it cannot be imported.
    """
    try:
        if module.endswith(".py"):
            return _import_file(Path(module))
        with _on_path(str(Path.cwd())):
            return importlib.import_module(module)
    except Exception as error:  # A user's module may raise anything.
        raise UsageError(f"{option} {module}: cannot be imported ({describe_error(error)})") from None


def _import_file(file: Path) -> ModuleType:
    """Import a module from its file. It may import modules beside it, as a script may."""
    if file.stem in sys.modules and getattr(sys.modules[file.stem], "__file__", None) == str(file.resolve()):
        return sys.modules[file.stem]
    if not file.is_file():
        raise FileNotFoundError("no such file")
    spec = importlib.util.spec_from_file_location(file.stem, file.resolve())
    assert spec is not None  # of a file that ends with .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _on_path(str(file.resolve().parent)):
        spec.loader.exec_module(module)
    # Functions and classes of the module can be pickled once it is known by its name.
    sys.modules.setdefault(file.stem, module)
    return module


def import_custom_objects(module: str) -> dict[str, Any]:
    """The public layers, models and functions of a module, by name.

    These are what it defines, what it imports from modules beside it or of the same package, and what is Keras's. A
    model's file may call them; so whatever else the module imports, such as `subprocess.run`, is not among them.

    Args:
        module: its dotted name, or its file.

    Returns:
        What `keras.saving.load_model` takes as `custom_objects`.

    Raises:
        UsageError: it cannot be imported.
    """
    imported = import_user_module(module, "--custom-objects")
    return {
        name: value
        for name, value in vars(imported).items()
        if callable(value) and not name.startswith("_") and _may_be_called(value, imported)
    }


def _may_be_called(value: Any, module: ModuleType) -> bool:
    """Whether something that a module holds is its author's or Keras's."""
    import keras

    if inspect.isclass(value) and issubclass(value, keras.layers.Layer):
        return True
    name = getattr(getattr(value, "func", value), "__module__", None) or ""  # of a partial, that of its function
    package = name.partition(".")[0]
    if package == "keras":
        return not name.startswith(("keras.src.saving", "keras.src.utils"))  # which read and fetch files
    if package == module.__name__.partition(".")[0]:
        return True
    origin = getattr(sys.modules.get(name), "__file__", None)
    if origin is None or module.__file__ is None:
        return False
    return Path(origin).resolve().parent == Path(module.__file__).resolve().parent


@contextmanager
def _on_path(folder: str) -> Iterator[None]:
    """Put a folder on `sys.path` inside this context only, so that later imports do not come from there."""
    if folder in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
