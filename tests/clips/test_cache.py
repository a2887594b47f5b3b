"""Entries of the cache: what is stored comes back, and reading it does not parse Python."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stillmotion.clips.cache import load_entry, store_entry

ARRAYS: list[NDArray[Any]] = [
    np.arange(5, dtype=np.float64),
    np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3),
    np.arange(6, dtype=np.float16).reshape(2, 3).T,  # in memory column by column
]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    store_entry(tmp_path / "ab" / "entry", ARRAYS)
    loaded = load_entry(tmp_path / "ab" / "entry", 3)
    assert loaded is not None
    for array, original in zip(loaded, ARRAYS, strict=True):
        assert array.dtype == original.dtype
        np.testing.assert_array_equal(array, original)


def test_reading_parses_no_syntax_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython 3.11 fails if two threads do at once, and TensorFlow does while it traces a training step."""
    store_entry(tmp_path / "entry", ARRAYS)
    monkeypatch.setattr(ast, "parse", None)
    monkeypatch.setattr(ast, "literal_eval", None)
    assert load_entry(tmp_path / "entry", 3) is not None


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        header("abcde"),
        b"noise" * 40,
        b"\x93NUMPY\x01\x00\x05",  # broken off in the length of the header
        header("{'descr': 'no type', 'fortran_order': False, 'shape': (1,), }") + bytes(8),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }") + bytes(8),
    ],
)
def test_a_damaged_entry_is_no_entry(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "entry").write_bytes(damage)
    assert load_entry(tmp_path / "entry", 1) is None


def test_an_entry_with_another_number_of_arrays_is_none(tmp_path: Path) -> None:
    store_entry(tmp_path / "entry", ARRAYS)
    assert load_entry(tmp_path / "entry", 2) is load_entry(tmp_path / "entry", 4) is None
