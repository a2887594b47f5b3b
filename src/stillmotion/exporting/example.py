"""Write the example next to an export: a script that runs it without stillmotion, on videos, pictures and cameras."""

from __future__ import annotations

# Nothing of a foreign file goes into a script, such as a model's name or a label: it could end its string, and run. The
# script reads labels, and how frames are prepared, from export.json.
_WHOLE = '''"""Run this exported model, without stillmotion and without Keras.

    pip install numpy av pillow @NEEDS@
    python use_it.py [SOURCE]

SOURCE is a video, a picture, 0 for the first camera, or a .npy file, uint8 @SHAPE@, RGB. Without it, the model is fed
sample.npy, on which it was compared with the original.
"""
@READING@
window_seconds = recipe["window_seconds"]


def predict(clip):
    clip = clip if len(tensor_shape) == 4 else clip[0]
    return run(clip=clip[None].astype(about["inputs"][0]["dtype"]))["probabilities"][0]


def show(probabilities):
    for label, probability in zip(about["labels"], probabilities):
        print(f"{probability:.6f}  {label}")


def predict_video(source):
    """The mean over windows that cover the video. Its small frames are kept in memory."""
    began, pictures = zip(*frames_of(source))
    end = began[-1] + ((began[-1] - began[0]) / (len(began) - 1) if len(began) > 1 else 0)
    length = end if recipe["rate"] == "spread" else min(window_seconds, end)
    count = max(1, int(np.ceil(end / length - 1e-6))) if length else 1
    outputs = [predict(clip_at(start, length, began, pictures)) for start in np.linspace(0, end - length, count)]
    show(np.mean(outputs, axis=0))


def watch(camera):
    """The newest window, again and again."""
    kept, shown = [], 0.0
    for seconds, picture in frames_of(camera):
        kept.append((seconds, picture))
        length = window_seconds or 2.0
        kept = [one for one in kept if one[0] > seconds - 2 * length]
        if seconds >= shown + length / 2:
            shown = seconds
            show(predict(clip_at(seconds - length, length, *zip(*kept))))
            print()


source = sys.argv[1] if len(sys.argv) > 1 else str(HERE / "sample.npy")
if not (source.isdecimal() or "://" in source or Path(source).is_file()):
    sys.exit(f"{source}: no such file; give a video, a picture, or 0 for the first camera")
if source.endswith(".npy"):
    clip = np.load(source)
    show(predict(clip if clip.ndim == 4 else clip[None]))
elif source.isdecimal():
    watch(source)
else:
    predict_video(source)
'''

_STEP = '''"""Run this exported model on a video or camera, frame by frame, without stillmotion and without Keras.

    pip install numpy av pillow @NEEDS@
    python use_it.py [SOURCE]

SOURCE is a video, 0 for the first camera, the address of a stream, or a .npy file, uint8 (any number, @FRAME_SHAPE@),
RGB. Without it, the model is fed sample.npy, on which it was compared with the original.
"""
@READING@
frames, *states = about["inputs"]
hop, window = about["hop"], about["frames"]


def at_rate(arriving, rate):
    """The frame that is on screen in the middle of each slot of 1 / rate seconds."""
    slots, shown = 0, None
    for seconds, picture in arriving:
        while shown is not None and (slots + 0.5) / rate + TICK < seconds:
            slots += 1
            yield shown
        shown = picture


source = sys.argv[1] if len(sys.argv) > 1 else str(HERE / "sample.npy")
if not (source.isdecimal() or "://" in source or Path(source).is_file()):
    sys.exit(f"{source}: no such file; give a video, a picture, or 0 for the first camera")
if source.endswith(".npy"):
    arriving = iter(np.load(source))
else:
    arriving = at_rate(frames_of(source), window / (recipe["window_seconds"] or 2.0))

# The state is all zeros before the first frame. Each step returns the next one.
state = {tensor["name"]: np.zeros(tensor["shape"], tensor["dtype"]) for tensor in states}
waiting, end = [], 0
for picture in arriving:
    waiting.append(picture)
    if len(waiting) < hop:
        continue
    end += hop
    results = run(frames=np.stack(waiting)[None].astype(frames["dtype"]), **state)
    state, waiting = {name: results["next_" + name] for name in state}, []
    if end >= window:  # Before that, the first window is not complete.
        probabilities = results["probabilities"][0, 0]
        text = ", ".join(f"{label} {probability:.6f}" for label, probability in zip(about["labels"], probabilities))
        print(f"frames {end - window} to {end - 1}: {text}")
'''

# What both scripts share: the recipe of export.json, carried out.
_READING = '''
import json
import sys
from pathlib import Path

import numpy as np
@OPENING@
about = json.loads((HERE / "export.json").read_text(encoding="utf-8"))
recipe = about["preprocessing"]
tensor_shape = about["inputs"][0]["shape"][1:]
TICK = 0.0005  # Times are compared with this tolerance, in seconds.
CAMERAS = {"linux": ("v4l2", "/dev/video%s"), "darwin": ("avfoundation", "%s"), "win32": ("dshow", "video=%s")}
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def frames_of(source):
    """The time in seconds at which each frame begins, and the frame as the model takes it."""
    import av

    if source.lower().endswith(PICTURES):
        from PIL import Image, ImageOps

        picture = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
        yield 0.0, fit(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
        return
    form, name = CAMERAS[sys.platform] if source.isdecimal() else (None, "%s")
    with av.open(name % source, format=form) as container:
        first = None
        for frame in container.decode(video=0):
            first = frame.time if first is None else first
            yield frame.time - first, fit(frame)


def fit(frame):
    """A decoded frame, turned upright, framed and resized: uint8 RGB (height, width, 3)."""
    turns = round(frame.rotation / 90) % 4
    height, width = recipe["height"], recipe["width"]
    if recipe["framing"] == "stretch":
        sides = (width, height) if turns % 2 else (height, width)
        return np.rot90(resize(frame, *sides), turns)
    whole = np.rot90(frame.to_ndarray(format="rgb24"), turns)
    if recipe["framing"] == "crop":
        rows, columns = part_of(whole.shape, (height, width))
        top, left = (whole.shape[0] - rows) // 2, (whole.shape[1] - columns) // 2
        return resize(whole[top : top + rows, left : left + columns], height, width)
    rows, columns = part_of((height, width), whole.shape)
    top, left = (height - rows) // 2, (width - columns) // 2
    padded = np.zeros((height, width, 3), np.uint8)
    padded[top : top + rows, left : left + columns] = resize(whole, rows, columns)
    return padded


def resize(frame, height, width):
    """By averaging areas, in one pass with the conversion to RGB."""
    import av

    if isinstance(frame, np.ndarray):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    return frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()


def part_of(whole, like):
    """The largest height and width within a whole that have the aspect ratio of something else."""
    scale = min(whole[0] / like[0], whole[1] / like[1])
    return max(1, round(like[0] * scale)), max(1, round(like[1] * scale))


def clip_at(start, length, began, pictures):
    """The frames that are on screen in the middles of the equal slots of a window."""
    times = start + (np.arange(about["frames"]) + 0.5) * length / about["frames"]
    places = np.searchsorted(began, times + TICK, side="right") - 1
    return np.stack([pictures[max(0, place)] for place in places])

'''


def write_example(needs: str, opening: str, shape: tuple[int, ...], *, stream: bool) -> str:
    """Write the script's text.

    Args:
        needs: packages that the script needs besides NumPy, PyAV and Pillow.
        opening: code that reads the file and defines `run`; see `ExportFormat.opening`.
        shape: of a clip, or of the frames of a step.
        stream: whether the export is the step of a stream.

    Returns:
        The script.
    """
    text = (_STEP if stream else _WHOLE).replace("@READING@", _READING)
    frame_shape = ", ".join(map(str, shape[-3:]))
    for name, value in (("NEEDS", needs), ("OPENING", opening), ("SHAPE", str(shape)), ("FRAME_SHAPE", frame_shape)):
        text = text.replace(f"@{name}@", value)
    return text
