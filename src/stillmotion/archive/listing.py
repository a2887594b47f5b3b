"""List the files of an archive, each with the key that it is known by."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from stillmotion.archive.addresses import list_objects, split_address, without_options
from stillmotion.archive.records import ArchiveFile
from stillmotion.data import Video
from stillmotion.data.media import is_media
from stillmotion.decoding import source_files
from stillmotion.errors import StillmotionError
from stillmotion.files import is_address
from stillmotion.prediction.inputs import find_inputs


def list_archive(inputs: str | Path | Sequence[str | Path], *, frame_rate: float | None = None) -> list[ArchiveFile]:
    """List the files that the inputs name, each once.

    Nothing is read but names, sizes and times. A file whose size and time are the same is taken for the same file.

    Args:
        inputs: what `find_inputs` takes, and addresses of files and folders in object storage.
        frame_rate: see `find_inputs`.

    Returns:
        The files, in the order of the inputs.

    Raises:
        UsageError: there is no such file or folder.
        StillmotionError: a folder without videos, or an object store that cannot be read.
    """
    listed: dict[str, ArchiveFile] = {}
    for given in [inputs] if isinstance(inputs, str | os.PathLike) else inputs:
        files = _list_remote(str(given)) if is_address(given) else _list_local(given, frame_rate)
        for file in files:
            listed.setdefault(file.key, file)
    return list(listed.values())


def _list_local(given: str | Path, frame_rate: float | None) -> list[ArchiveFile]:
    videos = find_inputs([given], frame_rate=frame_rate)
    files = []
    for video in videos:
        path = videos.file(video)
        size = changed = count = 0
        for source in source_files(path):  # the pictures of a folder of frames, or the file itself
            try:
                facts = source.stat()
            except OSError:  # The worker says so.
                continue
            size, changed, count = size + facts.st_size, max(changed, facts.st_mtime_ns), count + 1
        files.append(ArchiveFile(video, _key(os.path.abspath(path), video, size, changed, count), size))
    return files


def _list_remote(address: str) -> list[ArchiveFile]:
    store, _ = split_address(address)
    scheme = address.partition("://")[0]
    files = []
    for info in list_objects(address):
        if is_media(PurePosixPath(info.path)):
            video = Video(f"{scheme}://{info.path.lstrip('/')}")
            key = _key(video.path, video, info.size, info.mtime_ns or 0, 1)
            files.append(ArchiveFile(video, key, int(info.size), store))
    if not files:
        raise StillmotionError(f"{without_options(address)}: no videos or images in this folder")
    return files


def _key(place: str, video: Video, size: int, changed: int, count: int) -> str:
    """Two hashes: which file it is, and how it is at present. See `place_of`."""
    parts = ((place, video.start_seconds, video.end_seconds), (size, changed, count))
    place_hash, state_hash = (hashlib.sha256(repr(part).encode("utf-8", "surrogatepass")) for part in parts)
    return f"{place_hash.hexdigest()[:24]}-{state_hash.hexdigest()[:16]}"
