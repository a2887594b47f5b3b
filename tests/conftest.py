"""What all tests share: a cache of their own, and small films whose truth is known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

Film = Callable[..., Path]

# Tests run side by side, one to a core; each takes one thread, and so do the programs that it starts.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLMOTION_CACHE", str(tmp_path / "cache"))


def write_lossy_video(path: Path, pictures: NDArray[np.uint8], *, rate: int = 10, **options: str) -> Path:
    """Encode pictures `(n, height, width, 3)`; near enough to lossless by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    moov = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=moov) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10", **options})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def film() -> Film:
    return write_lossy_video


@pytest.fixture
def moving(tmp_path: Path) -> Path:
    """Squares that go left and right, 12 recordings each: a folder of folders."""
    for label, step in (("left", -2), ("right", 2)):
        for number in range(12):
            rng = np.random.default_rng((number, step > 0))
            start, row = int(rng.integers(32)), int(rng.integers(20))
            pictures = np.full((12, 32, 32, 3), 60, np.uint8)
            for t in range(12):
                x = (start + step * t + np.arange(10)) % 32
                pictures[t, row : row + 10, x] = 230
            write_lossy_video(tmp_path / "moving" / label / f"rec{number}.mp4", pictures)
    return tmp_path / "moving"
