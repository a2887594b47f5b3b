"""The faults that `audits.py` puts into a healthy pipeline, made with the software that people use."""

# ruff: noqa: E501  (one fault per line is easier to read)

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import keras
import numpy as np
from PIL import Image, ImageOps

SIDE = 64  # height and width that the small models take
LARGE_SIDE = 224  # and those of the size of `keras.applications`
Pictures = list[Any]  # a video's frames, uint8 RGB (height, width, 3)


@dataclass(frozen=True)
class Injection:
    """A fault, as a person makes it.

    Attributes:
        cause: the id of the fault that the audit should name ("a / b": either of them).
        what: how it was made.
        side: "snapshot", "tool", "recording", or a stage of the frame reader.
        do: for "snapshot": (frames, index) -> picture, or (picture, options for saving it). For "tool": (video, index,
            folder) -> the snapshot's file, written by another program. For "recording": (video, folder) -> another
            recording of the same scene, in place of the video. For "time": a number of frames. For "loop": a whole
            frame reader. For "mode": the name of a mode of `preprocess_input`. For "resize": (picture, side) -> picture.
            For other stages of the frame reader: picture -> picture.
    """

    cause: str
    what: str
    side: str
    do: Any


# Faults of snapshots: frames of the video and the index of one -> a picture of any size.


def lut(gamma: float) -> Any:
    return np.array([255 * (level / 255) ** gamma for level in range(256)]).round().astype(np.uint8)


def swscale(picture: Any, **options: Any) -> Any:
    """To YCbCr and back, with the wrong matrix or range."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    there = frame.reformat(format="yuv444p", dst_colorspace=options["true"], dst_color_range=options.get("range", 1))
    there.colorspace, there.color_range = options["read"], options.get("read_range", 1)
    return there.reformat(
        format="rgb24", src_colorspace=options["read"], src_color_range=options.get("read_range", 1)
    ).to_ndarray()


def encoded(frames: Pictures, index: int, codec: str, crf: int) -> Any:
    from stillmotion.audit.faults.video_compression import encode

    first = max(0, index - 8)  # the audit tries another start and length
    return encode(np.stack(frames[first : index + 2]), (codec, crf))[index - first]


def pillow(picture: Any) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(picture))


def sized(picture: Any, how: Image.Resampling, side: int = 96) -> Any:
    return np.asarray(pillow(picture).resize((side, side), how))


SNAPSHOTS = [
    Injection("channel_order", "cv2.imwrite of RGB", "snapshot", lambda f, i: f[i][..., ::-1]),
    Injection("orientation", "a quarter turn", "snapshot", lambda f, i: cv2.rotate(f[i], cv2.ROTATE_90_CLOCKWISE)),
    Injection("orientation", "upside down", "snapshot", lambda f, i: cv2.rotate(f[i], cv2.ROTATE_180)),
    Injection("orientation", "ImageOps.mirror", "snapshot", lambda f, i: np.asarray(ImageOps.mirror(pillow(f[i])))),
    Injection("grayscale", "Pillow's convert('L')", "snapshot", lambda f, i: np.asarray(pillow(f[i]).convert("L").convert("RGB"))),
    Injection("exposure", "gamma 0.45 by cv2.LUT", "snapshot", lambda f, i: cv2.LUT(f[i], lut(0.45))),
    Injection("exposure", "gamma 2.2 by cv2.LUT", "snapshot", lambda f, i: cv2.LUT(f[i], lut(2.2))),
    Injection("exposure", "a gain of 1.5", "snapshot", lambda f, i: cv2.convertScaleAbs(f[i], alpha=1.5)),
    Injection("exposure", "a gain of 0.5", "snapshot", lambda f, i: cv2.convertScaleAbs(f[i], alpha=0.5)),
    Injection("color_matrix", "601 read as 709 by swscale", "snapshot", lambda f, i: swscale(f[i], true=5, read=1)),
    Injection("color_matrix", "709 read as 601 by swscale", "snapshot", lambda f, i: swscale(f[i], true=1, read=5)),
    Injection("color_matrix", "limited range read as full", "snapshot", lambda f, i: (16 + f[i] * (219 / 255)).round()),
    Injection("color_matrix", "full range read as limited", "snapshot", lambda f, i: np.clip((f[i] - 16.0) * (255 / 219), 0, 255).round()),
    Injection("framing", "ImageOps.fit to 96x72 of another shape", "snapshot", lambda f, i: np.asarray(ImageOps.fit(pillow(f[i]), _other(f[i])))),
    Injection("framing", "ImageOps.pad", "snapshot", lambda f, i: np.asarray(ImageOps.pad(pillow(f[i]), _other(f[i])))),
    Injection("framing", "a crop of 3/5, off center", "snapshot", lambda f, i: _cropped(f[i])),
    Injection("resizing", "Pillow nearest to 96", "snapshot", lambda f, i: sized(f[i], Image.Resampling.NEAREST)),
    Injection("resizing", "cv2 nearest to 80", "snapshot", lambda f, i: cv2.resize(f[i], (80, 80), interpolation=cv2.INTER_NEAREST)),
    Injection("resizing", "cv2 linear to 64", "snapshot", lambda f, i: cv2.resize(f[i], (64, 64))),
    Injection("jpeg", "Pillow quality 10", "snapshot", lambda f, i: (f[i], {"quality": 10})),
    Injection("jpeg", "Pillow quality 30", "snapshot", lambda f, i: (f[i], {"quality": 30})),
    Injection("jpeg", "a PNG of OpenCV's JPEG, quality 15", "snapshot", lambda f, i: _jpeg(f[i])),
    Injection("motion_blur", "3 frames blended", "snapshot", lambda f, i: np.mean(f[max(0, i - 1) : i + 2], axis=0).round()),
    Injection("motion_blur", "5 frames blended", "snapshot", lambda f, i: np.mean(f[max(0, i - 2) : i + 3], axis=0).round()),
    Injection("interlacing", "two frames interlaced", "snapshot", lambda f, i: _interlaced(f, i)),
    Injection("video_compression", "H.264 at CRF 38", "snapshot", lambda f, i: encoded(f, i, "H.264", 38)),
    Injection("video_compression", "HEVC at CRF 38", "snapshot", lambda f, i: encoded(f, i, "HEVC", 38)),
]  # fmt: skip


def _other(picture: Any) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return (height, height) if width > height else (width, round(width * 0.6))


def _cropped(picture: Any) -> Any:
    height, width = picture.shape[:2]
    return picture[height // 10 : height // 10 + int(0.6 * height), width // 4 : width // 4 + int(0.6 * width)]


def _jpeg(picture: Any) -> Any:
    stored = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 15])[1]
    return cv2.imdecode(stored, cv2.IMREAD_COLOR)[..., ::-1]


def _interlaced(frames: Pictures, index: int) -> Any:
    interlaced = frames[index].copy()
    interlaced[1::2] = frames[min(index + 1, len(frames) - 1)][1::2]
    return interlaced


# Snapshots by other programs: a video, the index of a frame, a folder -> the snapshot's file.


def ffmpeg(ending: str, scale: str) -> Callable[[Path, int, Path], Path]:
    """A frame extracted on the command line as guides say, with the default scaler and the default JPEG."""

    def grab(video: Path, index: int, folder: Path) -> Path:
        file = folder / f"{video.stem}-{index:04d}.{ending}"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-i", str(video), "-vf", f"select=eq(n\\,{index}),{scale}",
             "-frames:v", "1", str(file)], check=True,
        )  # fmt: skip
        return file

    return grab


TOOLS = [
    Injection("resizing", "ffmpeg -vf scale=96:72, a PNG", "tool", ffmpeg("png", "scale=96:72")),
    Injection("resizing / jpeg", "ffmpeg -vf scale=96:72, default JPEG", "tool", ffmpeg("jpg", "scale=96:72")),
    Injection("jpeg", "ffmpeg, default JPEG", "tool", ffmpeg("jpg", "null")),
    Injection("orientation", "ffmpeg -vf transpose, a PNG", "tool", ffmpeg("png", "transpose=1")),
    Injection("exposure", "ffmpeg -vf eq=gamma=1.8, a PNG", "tool", ffmpeg("png", "eq=gamma=1.8")),
]  # fmt: skip


# HDR recordings of a video's scenes, by FFmpeg's zimg. Snapshots are the SDR video's frames, as telephones save them, or
# FFmpeg's tone mapping of the recording.

TONE_MAPPING = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)


def hdr(transfer: str) -> Callable[[Path, Path], Path]:
    """A recording in BT.2020 with this transfer function, 10 bits, HEVC."""

    def record(video: Path, folder: Path) -> Path:
        file = folder / f"{video.stem}.mov"
        to_hdr = (
            "scale=out_color_matrix=bt709:out_range=tv,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709,"
            f"zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t={transfer}:m=bt2020nc:r=tv,format=yuv420p10le"
        )
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-i", str(video), "-vf", to_hdr, "-c:v", "libx265",
             "-x265-params", "log-level=none:crf=16", "-preset", "veryfast", "-an",
             "-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", str(file)], check=True,
        )  # fmt: skip
        return file

    return record


RECORDINGS = [
    Injection("dynamic_range", "an HLG recording, SDR snapshots", "recording", hdr("arib-std-b67")),
    Injection("dynamic_range", "a PQ recording, SDR snapshots", "recording", hdr("smpte2084")),
]
TONE_MAPPED = Injection("dynamic_range", "snapshots by ffmpeg's tonemap=hable", "tool", ffmpeg("png", TONE_MAPPING))


# Faults of the frame reader: RGB at the video's size -> at the model's size.


def area(picture: Any, side: int) -> Any:
    return cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=cv2.INTER_AREA)


def tensorflow_resize(picture: Any, side: int) -> Any:
    import tensorflow as tf

    return tf.image.resize(picture, (side, side)).numpy()


def load_img(picture: Any, side: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        pillow(picture).save(Path(folder) / "frame.png")
        return keras.utils.img_to_array(keras.utils.load_img(Path(folder) / "frame.png", target_size=(side, side)))


def center(picture: Any, side: int) -> Any:
    return np.asarray(ImageOps.fit(pillow(picture), (side, side), Image.Resampling.BOX))


FRAMES = [
    Injection("channel_order", "OpenCV's BGR", "order", lambda picture: picture[..., ::-1]),
    Injection("orientation", "cv2.flip", "turn", lambda picture: cv2.flip(picture, 1)),
    Injection("resizing", "cv2.INTER_NEAREST", "resize", lambda picture, side: cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=cv2.INTER_NEAREST)),
    Injection("resizing", "cv2.resize as it is", "resize", lambda picture, side: cv2.resize(np.ascontiguousarray(picture), (side, side))),
    Injection("resizing", "tf.image.resize", "resize", tensorflow_resize),
    Injection("resizing", "keras.utils.load_img", "resize", load_img),
    Injection("framing", "ImageOps.fit", "resize", center),
    Injection("scaling", "divided by 255 once more", "scale", lambda values: values / 255),
    Injection("scaling", "scaled to -1..1 once more", "scale", lambda values: values / 127.5 - 1),
    Injection("scaling", "integers after / 255", "scale", lambda values: (values / 255).astype(np.uint8)),
    Injection("time_offset", "two frames late", "time", 2),
    Injection("time_offset", "five frames late", "time", 5),
    Injection("exposure", "a gain of 1.4", "light", lambda picture: cv2.convertScaleAbs(picture, alpha=1.4)),
]  # fmt: skip


def usual_loop(path: Path, side: int = SIDE) -> Iterator[Any]:
    """The loop that most people write."""
    capture = cv2.VideoCapture(str(path))
    while True:
        good, frame = capture.read()
        if not good:
            return
        yield cv2.resize(frame, (side, side)) / 255


LOOP = Injection("channel_order", "the usual OpenCV loop", "loop", usual_loop)

# The ranges that `preprocess_input` of `keras.applications` gives, by its mode.
MODES = {"tf": "-1..1", "torch": "ImageNet mean and deviation", "caffe": "ImageNet mean of BGR", "none": "0..255"}
PREPROCESSING = [Injection("scaling", f"preprocess_input, mode {mode}", "mode", mode) for mode in MODES]
PREPROCESSING_BGR = Injection(
    "channel_order", "OpenCV's BGR into preprocess_input", "order", lambda picture: picture[..., ::-1]
)


def preprocess(picture: Any, input_range: str) -> Any:
    """What Keras's own code makes of a picture for a model that expects this range."""
    mode = next((mode for mode, given in MODES.items() if given == input_range), "none")
    if input_range == "0..1":
        return picture / 255
    if mode == "none":
        return picture
    return keras.applications.imagenet_utils.preprocess_input(np.array(picture, np.float32), mode=mode)


def make_reader(faults: Sequence[Injection], input_range: str, side: int) -> Callable[[Path], Iterator[Any]]:
    """A frame reader as people write it, with these faults; `input_range` is what the model expects."""
    changes = {fault.side: fault.do for fault in faults}
    if "loop" in changes:
        return lambda path: changes["loop"](path, side)
    input_range = MODES[changes["mode"]] if "mode" in changes else input_range

    def read(path: Path) -> Iterator[Any]:
        capture = cv2.VideoCapture(str(path))
        late, number = changes.get("time", 0), 0
        while True:
            good, frame = capture.read()
            if not good:
                return
            number += 1
            if number <= late:
                continue
            picture = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            for stage in ("light", "turn", "order"):
                picture = changes[stage](picture) if stage in changes else picture
            values = preprocess(changes.get("resize", area)(picture, side), input_range)
            yield changes["scale"](values) if "scale" in changes else values

    return read
