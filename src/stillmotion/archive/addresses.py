"""Files in object storage, by addresses such as s3://bucket/folder; PyArrow reads and writes them."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from pyarrow import ArrowException, fs

from stillmotion.errors import StillmotionError, UsageError, describe_error
from stillmotion.files import is_address


def split_address(address: str) -> tuple[str, str]:
    """Divide an address into the store and the path in it.

    Args:
        address: "s3://bucket/folder", perhaps with options of PyArrow's: "?endpoint_override=...".

    Returns:
        "s3://bucket" with the options, by which the store is opened, and "bucket/folder".

    Raises:
        UsageError: it names no bucket.
    """
    scheme, _, rest = address.partition("://")
    path, question, options = rest.partition("?")
    bucket, _, below = path.partition("/")
    if not bucket:
        raise UsageError(f"{scheme}://: names no bucket; expected {scheme}://BUCKET/FOLDER")
    # "KEY:SECRET@" is for the store, and no part of the path.
    return f"{scheme}://{bucket}{question}{options}", f"{bucket.rpartition('@')[2]}/{below}".rstrip("/")


def without_options(address: str) -> str:
    """An address for people: its options, and what is before an @, may hold secrets. A path stays as it is."""
    if not is_address(address):
        return address
    scheme, _, rest = address.partition("?")[0].partition("://")
    bucket, slash, path = rest.partition("/")
    return f"{scheme}://{bucket.rpartition('@')[2]}{slash}{path}"


def open_store(store: str) -> fs.FileSystem:
    """Open an object store.

    Args:
        store: what `split_address` returns: "s3://bucket" or "gs://bucket" with options. Other schemes are those of
            fsspec and its packages, if they are installed.

    Returns:
        The file system, whose paths begin with the bucket.

    Raises:
        StillmotionError: there is no way to open it, or no right to.
    """
    scheme = store.partition("://")[0]
    try:
        return fs.FileSystem.from_uri(store)[0]
    except (ArrowException, OSError, ValueError) as error:
        if "Unrecognized filesystem type" not in str(error):
            raise StillmotionError(f"{without_options(store)}: cannot be opened ({describe_error(error)})") from None
    try:
        import fsspec
    except ImportError:
        raise UsageError(f"{scheme}://: needs fsspec and its package for {scheme}; s3:// and gs:// need none") from None
    try:
        handler: Any = fs.FSSpecHandler  # whose stub forgets what it inherits
        return fs.PyFileSystem(handler(fsspec.filesystem(scheme)))
    except (ImportError, ValueError) as error:
        raise UsageError(f"{scheme}://: {describe_error(error)}") from None


def list_objects(address: str) -> list[fs.FileInfo]:
    """All files at an address and below it, those with hidden names excepted.

    Args:
        address: of a folder or file.

    Returns:
        Their paths, sizes and times, sorted by path.

    Raises:
        UsageError: there is nothing.
        StillmotionError: the store cannot be read.
    """
    store, path = split_address(address)
    opened = open_store(store)
    try:
        (info,) = opened.get_file_info([path])
        infos = [info] if info.is_file else opened.get_file_info(fs.FileSelector(path, recursive=True))
    except FileNotFoundError:
        infos = []
    except OSError as error:
        raise StillmotionError(f"{without_options(address)}: cannot be listed ({describe_error(error)})") from None
    files = [
        info
        for info in infos
        if info.is_file and not any(part.startswith(".") for part in PurePosixPath(info.path[len(path) :]).parts)
    ]
    if not files:
        raise UsageError(f"{without_options(address)}: no such file or folder in this store")
    return sorted(files, key=lambda info: str(info.path))


def fetch(store: fs.FileSystem, path: str, folder: Path) -> Path:
    """Copy a file from a store to this machine, because decoders seek.

    Args:
        store: an open store.
        path: of the file in it.
        folder: where the copy is put.

    Returns:
        The copy. Its name ends as that of the file, by which a decoder is chosen.

    Raises:
        OSError: it cannot be read, or not be written.
    """
    copy = folder / f"{len(list(folder.iterdir()))}{PurePosixPath(path).suffix}"
    with store.open_input_stream(path) as opened, copy.open("wb") as file:
        source: Any = opened
        shutil.copyfileobj(source, file, 1 << 20)
    return copy
