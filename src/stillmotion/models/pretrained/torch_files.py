"""Read the tensors of a file that `torch.save` wrote before PyTorch 1.6, without PyTorch.

Such a file is a row of pickles: a magic number, the version, facts about the machine, the dictionary of tensors, and
the list of storages. The raw data of each storage follows. A pickle can run any code, so only four names are allowed.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES: Mapping[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage(NamedTuple):
    """Where the numbers of one or more tensors are: a key in the file, and their type."""

    key: str
    dtype: np.dtype[Any]


class _StoredTensor(NamedTuple):
    """A tensor as the pickle describes it; its numbers follow later in the file."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _StoredTensor:
    return _StoredTensor(storage, offset, shape, strides)


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows four names and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed: Mapping[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch", "FloatStorage"): "FloatStorage",
            ("torch", "LongStorage"): "LongStorage",
        }
        try:
            return allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None

    def persistent_load(self, reference: Any) -> _Storage:
        kind, key = reference[1:3]
        return _Storage(key, _DTYPES[kind])


def read_torch_tensors(file: Path) -> dict[str, NDArray[Any]]:
    """Read all tensors of a legacy `torch.save` file.

    Args:
        file: the file.

    Returns:
        The tensors by name, as contiguous arrays.

    Raises:
        StillmotionError: it is not such a file, or refers to anything but tensors.
    """
    try:
        with file.open("rb") as stream:
            if _unpickle(stream) != _MAGIC:
                raise ValueError("no magic number")
            _unpickle(stream), _unpickle(stream)
            tensors, keys = _unpickle(stream), _unpickle(stream)
            dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
            storages = {key: _read_storage(stream, dtypes[key]) for key in keys}
        return {name: _to_array(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except OSError as error:
        raise StillmotionError(f"{file}: cannot be read ({error.strerror})") from None
    except Exception as error:  # A pickle that is damaged or not of this kind may raise anything.
        raise StillmotionError(f"{file}: not a file of PyTorch tensors that can be read ({error})") from None


def _unpickle(stream: BinaryIO) -> Any:
    return _RestrictedUnpickler(stream).load()


def _read_storage(stream: BinaryIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int(np.frombuffer(stream.read(8), "<i8")[0])
    return np.frombuffer(stream.read(count * dtype.itemsize), dtype, count)


def _to_array(tensor: _StoredTensor, storage: NDArray[Any]) -> NDArray[Any]:
    """The tensor's own view of its storage. Strides need not be those of a contiguous array: obey them."""
    reach = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if min(tensor.offset, *tensor.strides, 0) < 0 or reach >= len(storage):
        raise ValueError("a tensor reaches beyond its storage")
    strides = tuple(step * storage.itemsize for step in tensor.strides)
    return np.ascontiguousarray(as_strided(storage[tensor.offset :], tensor.shape, strides))
