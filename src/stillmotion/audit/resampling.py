"""Resizing as the usual libraries do it, each to about one level: weights over rows, then over columns.

They differ in the kernel; in whether it is widened to cover all pixels when a picture gets smaller ("antialiased":
Pillow, swscale, `tf.image.resize(antialias=True)`) or takes single pixels (OpenCV, `keras.layers.Resizing`); and, for
nearest, in whether the corner (OpenCV) or the center (Pillow, Keras) of the new pixel is looked up. For swscale, FFmpeg
itself is called, because it resizes luma and chroma before it makes RGB of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Picture = Floats  # (height, width, channels), 0 to 255


# RGB of 0 to 255 -> BT.601 of limited range, less the offsets.
_YCC = np.array(
    [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]], np.float32
) / np.float32(255)  # fmt: skip


def _linear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _cubic(a: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def weight(x: NDArray[np.float64]) -> NDArray[np.float64]:
        x = np.abs(x)
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0.0))

    return weight


def _lanczos(lobes: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda x: np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)


@dataclass(frozen=True)
class Kernel:
    """How new pixels are computed from old ones.

    Attributes:
        weight: distance in pixels -> weight; None for nearest and area, which have no such function.
        radius: where the weights end, in pixels of the source, or of the result with antialiasing.
        antialias: whether the kernel is widened when a picture gets smaller, to cover all of its pixels.
        call: code that resizes this way.
        centered: whether nearest takes the old pixel at the center of the new one, and not at its corner.
        swscale: FFmpeg's name of this kernel, where it resizes itself.
    """

    weight: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None
    radius: float
    antialias: bool
    call: str
    centered: bool = False
    swscale: str | None = None


def _opencv(flag: str) -> str:
    return f"frame = cv2.resize(frame, (w, h), interpolation=cv2.{flag})"


def _pillow(filter_name: str) -> str:
    return f"frame = Image.fromarray(frame).resize((w, h), Image.Resampling.{filter_name})"


KERNELS: dict[str, Kernel] = {
    "area": Kernel(None, 0.5, True, _opencv("INTER_AREA")),
    "nearest": Kernel(None, 0.0, False, _opencv("INTER_NEAREST")),
    "nearest, centered": Kernel(
        None, 0.0, False, "frame = keras.utils.load_img(file, target_size=(h, w))", centered=True
    ),
    "linear": Kernel(_linear, 1.0, False, "frame = cv2.resize(frame, (w, h))"),
    "linear, antialiased": Kernel(_linear, 1.0, True, _pillow("BILINEAR")),
    "cubic": Kernel(_cubic(-0.75), 2.0, False, _opencv("INTER_CUBIC")),
    "cubic, antialiased": Kernel(_cubic(-0.5), 2.0, True, _pillow("BICUBIC")),
    "Lanczos": Kernel(_lanczos(4), 4.0, False, _opencv("INTER_LANCZOS4")),
    "Lanczos, antialiased": Kernel(_lanczos(3), 3.0, True, _pillow("LANCZOS")),
    "swscale area": Kernel(
        None, 0.5, True, 'frame.to_ndarray(format="rgb24", width=w, height=h, interpolation="AREA")', swscale="AREA"
    ),
    "swscale bilinear": Kernel(
        _linear, 1.0, True, 'frame.to_ndarray(format="rgb24", width=w, height=h)', swscale="BILINEAR"
    ),
    "swscale bicubic": Kernel(_cubic(-0.6), 2.0, True, "ffmpeg -i in.mp4 -vf scale=w:h ...", swscale="BICUBIC"),
}


def resize(picture: Picture, height: int, width: int, kernel: str) -> Picture:
    """Resize a picture as 8-bit libraries do: rounded to whole levels, clipped to 0 to 255.

    Args:
        picture: float32 `(height, width, channels)`, 0 to 255.
        height: the new height.
        width: the new width.
        kernel: a name in `KERNELS`.

    Returns:
        The picture at the new size; the same object if it has that size.
    """
    if picture.shape[:2] == (height, width):
        return picture
    if (interpolation := KERNELS[kernel].swscale) is not None:
        return _resize_by_swscale(picture, height, width, interpolation)
    resized = apply_weights(
        picture, weights(kernel, picture.shape[0], height), weights(kernel, picture.shape[1], width)
    )
    levels: Picture = np.clip(np.rint(resized), 0, 255)
    return levels


def resize_values(picture: Picture, height: int, width: int) -> Picture:
    """Resize values of any range by area, without rounding."""
    if picture.shape[:2] == (height, width):
        return picture
    return apply_weights(picture, weights("area", picture.shape[0], height), weights("area", picture.shape[1], width))


def _resize_by_swscale(picture: Picture, height: int, width: int, interpolation: str) -> Picture:
    """Resize by FFmpeg, from YCbCr 4:2:0 as a decoder gives it."""
    import av

    even = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
    # 17 instead of 16: the conversion to RGB that the picture comes from truncates, and so loses a level.
    planes = even @ _YCC.T + np.array([17, 128, 128], np.float32)
    chroma = planes[..., 1:].reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 2).mean((1, 3))
    flat = np.concatenate([planes[..., 0].ravel(), chroma[..., 0].ravel(), chroma[..., 1].ravel()])
    whole = np.clip(np.rint(flat), 0, 255).astype(np.uint8).reshape(even.shape[0] * 3 // 2, even.shape[1])
    frame = av.VideoFrame.from_ndarray(whole, format="yuv420p")
    resized: Picture = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation=interpolation).astype(
        np.float32
    )
    return resized


def apply_weights(picture: Picture, rows: csr_matrix, columns: csr_matrix) -> Picture:
    """Apply rows `(new height, height)` and columns `(new width, width)` of weights, one after the other."""
    height, width, channels = picture.shape
    down = rows @ picture.reshape(height, width * channels)
    sideways = down.reshape(-1, width, channels).transpose(1, 0, 2).reshape(width, -1)
    across = (columns @ sideways).reshape(columns.shape[0], -1, channels)
    result: Picture = np.ascontiguousarray(across.transpose(1, 0, 2), np.float32)
    return result


@lru_cache(maxsize=256)
def weights(kernel: str, source: int, result: int) -> csr_matrix:
    """How much each new pixel takes of each old one: float32 `(result, source)`."""
    chosen = KERNELS[kernel]
    scale = source / result
    if chosen.radius == 0:  # nearest
        shift = 0.5 if chosen.centered else 0.0
        taken = np.minimum(((np.arange(result) + shift) * scale).astype(int), source - 1)
        return csr_matrix((np.ones(result, np.float32), (np.arange(result), taken)), shape=(result, source))
    if kernel == "area" and scale > 1:
        edges = np.arange(result + 1) * scale
        first = np.floor(edges[:-1] + 1e-9).astype(int)
        columns = first[:, None] + np.arange(int(np.ceil(scale)) + 1)[None, :]
        overlap = np.minimum(columns + 1, edges[1:, None]) - np.maximum(columns, edges[:-1, None])
        values = np.maximum(overlap, 0.0)
    else:  # enlarged, "area" is linear, as in OpenCV
        weight = chosen.weight or _linear
        spread = max(scale, 1.0) if chosen.antialias else 1.0
        radius = max(chosen.radius, 1.0) * spread
        centers = (np.arange(result) + 0.5) * scale - 0.5
        columns = np.floor(centers - radius).astype(int)[:, None] + np.arange(int(np.ceil(2 * radius)) + 2)[None, :]
        values = weight((columns - centers[:, None]) / spread)
        if chosen.antialias:  # Pixels outside are not used; without antialiasing, the border is repeated.
            values = np.where((columns >= 0) & (columns < source), values, 0.0)
    values = values / values.sum(1, keepdims=True)
    rows = np.repeat(np.arange(result), columns.shape[1])
    held = np.clip(columns, 0, source - 1).ravel()
    return csr_matrix((values.ravel().astype(np.float32), (rows, held)), shape=(result, source))
