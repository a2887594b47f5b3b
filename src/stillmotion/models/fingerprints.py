"""What a user's own functions and models are, as a short hash: an edited function is another one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_PLAIN = (str, bytes, int, float, complex, type(None), type(...), PurePath)
# Packages whose classes are known by their names.
_LIBRARIES = ("builtins", "keras", "numpy", "tensorflow", "torch", "jax", "jaxlib")
# Where the configuration of a Keras model names its layers. Keras counts the names up over all models of a process.
_NAMED = ("name", "keras_history", "input_layers", "output_layers")


def fingerprint(thing: object) -> str:
    """A hash of a function, class or object of a user's own.

    It covers the bytecode, constants, defaults and values from the enclosing scope, and the functions and constants of
    the same module that are called by name; not what other modules hold.

    Args:
        thing: the function, class or object.
    """
    return _hash(_content(thing, set()))


def fingerprint_model(model: Any) -> str:
    """A hash of the architecture of a Keras model, without the numbers that Keras gives to layers.

    Args:
        model: the model.
    """
    names: dict[str, int] = {}
    return _hash(_without_numbers(json.loads(model.to_json()), names, named=False))


def place_of(thing: Any) -> str:
    """Where a function or class is, "package.module:name"; that of its function or class for a partial or an object."""
    if isinstance(thing, partial):
        return place_of(thing.func)
    thing = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{thing.__module__}:{thing.__qualname__}"


def _hash(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


def _content(value: Any, seen: set[int]) -> object:
    """What a value is, of plain values only."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    if id(value) in seen:  # a function that calls itself
        return None
    seen = {*seen, id(value)}
    if isinstance(value, Mapping):
        return [(str(key), _content(one, seen)) for key, one in value.items()]
    if isinstance(value, tuple | list):
        return [_content(one, seen) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(repr(_content(one, seen)) for one in value)
    if isinstance(value, partial):
        return [_content(one, seen) for one in (value.func, value.args, value.keywords)]
    if isinstance(value, MethodType):
        return [_content(one, seen) for one in (value.__func__, value.__self__)]
    if isinstance(value, CodeType):
        return value.co_code, value.co_names, _content(value.co_consts, seen)
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != type(cell)()]
        parts = (value.__code__, value.__defaults__, value.__kwdefaults__, cells, _called_by_name(value))
        return place_of(value), [_content(part, seen) for part in parts]
    if isinstance(value, type):
        methods = {name: one for name, one in vars(value).items() if isinstance(one, FunctionType)}
        return place_of(value), _content(methods if _is_own(value) else {}, seen)
    if isinstance(value, ModuleType):
        return value.__name__
    if hasattr(value, "get_config"):  # of Keras
        held = _without_numbers(value.get_config(), {}, named=False)
    else:
        held = getattr(value, "__dict__", {}) if _is_own(type(value)) else {}
    return _content(type(value), seen), _content(held, seen)


def _is_own(kind: type) -> bool:
    return kind.__module__.partition(".")[0] not in _LIBRARIES


def _called_by_name(function: FunctionType) -> dict[str, Any]:
    """The functions and plain values of a function's module that it names."""
    named, codes = set[str](), [function.__code__]
    for code in codes:  # with those of functions inside it
        named.update(code.co_names)
        codes += [one for one in code.co_consts if isinstance(one, CodeType)]
    held = function.__globals__
    return {
        name: held[name]
        for name in sorted(named & held.keys())
        if isinstance(held[name], _PLAIN)
        or (isinstance(held[name], FunctionType) and held[name].__module__ == function.__module__)
    }


def _without_numbers(value: Any, names: dict[str, int], *, named: bool) -> Any:
    """A configuration whose layers are numbered in the order of their appearance."""
    if isinstance(value, dict):
        return {key: _without_numbers(one, names, named=named or key in _NAMED) for key, one in sorted(value.items())}
    if isinstance(value, list):
        return [_without_numbers(one, names, named=named) for one in value]
    if named and isinstance(value, str):
        return re.sub(r"_\d+$", "", value), names.setdefault(value, len(names))
    return value
