"""Does the audit name the right cause? Faults are put into a healthy pipeline by real software, and it is asked.

    python benchmarks/audits.py [--cases 60] [--videos MORE_VIDEOS ...] [--models MORE.keras ...] [--write docs/audit.md]

A case is a model, three videos, three moments of each, and one, two or three faults. Snapshots are saved by Pillow,
OpenCV or FFmpeg, frames read by OpenCV, PyAV, Keras and TensorFlow as people write it. Ten videos are rendered and coded
at several sizes and by several codecs; five models are trained on them for a few seconds each. Given videos and
models are taken too. Bars are in the table; nothing is left out of it but what changes no answer, as it says.
"""

# ruff: noqa: E501  (a fault a line is easier to read)

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import cv2
import keras
import numpy as np
from keras import layers
from PIL import Image, ImageOps

import stillmotion as sm
from stillmotion.audit import FAULTS
from stillmotion.audit.auditing import explain_change
from stillmotion.audit.reading import Reader
from stillmotion.audit.records import Noise
from stillmotion.audit.reels import Reel, read_reel
from stillmotion.audit.snapshots import read_snapshots
from stillmotion.audit.subject import Subject, load_subject

SIDE, LABELS = 64, ("dented", "scratched", "sound")
Pictures = list[Any]  # a video's frames, uint8 RGB (height, width, 3)

# Ten videos: width, height, codec, options.
FORMS = [
    (160, 120, "libx264", {"crf": "18"}),
    (320, 240, "libx264", {"crf": "23"}),
    (640, 480, "libx264", {"crf": "28"}),
    (240, 320, "libx264", {"crf": "23"}),
    (320, 180, "libx265", {"x265-params": "log-level=none:crf=26"}),
    (640, 360, "libx265", {"x265-params": "log-level=none:crf=30"}),
    (176, 144, "mpeg4", {"qscale": "4"}),
    (352, 288, "mpeg4", {"qscale": "3"}),
    (320, 240, "mjpeg", {"qscale": "3"}),
    (200, 200, "libx264", {"crf": "20", "bf": "3"}),
]


@dataclass(frozen=True)
class Injection:
    """A fault, as a person makes it: `cause` is what the audit should say; on which side, and how."""

    cause: str
    what: str
    side: str  # "snapshot": (frames, index) -> picture or (picture, save options); "frame": picture -> what is fed
    do: Callable[..., Any]


# On the snapshots' side: frames of the video, the moment -> a picture of any size.


def shown(frames: Pictures, index: int) -> Any:
    return frames[index]


def lut(gamma: float) -> Any:
    return np.array([255 * (level / 255) ** gamma for level in range(256)]).round().astype(np.uint8)


def swscale(picture: Any, **options: Any) -> Any:
    """Through YCbCr and back, with a matrix or range mistaken."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    there = frame.reformat(format="yuv444p", dst_colorspace=options["true"], dst_color_range=options.get("range", 1))
    there.colorspace, there.color_range = options["read"], options.get("read_range", 1)
    return there.reformat(
        format="rgb24", src_colorspace=options["read"], src_color_range=options.get("read_range", 1)
    ).to_ndarray()


def coded(frames: Pictures, index: int, codec: str, crf: int) -> Any:
    from stillmotion.audit.faults.video_compression import encoded

    first = max(0, index - 8)  # another start and length than the audit tries
    return encoded(np.stack(frames[first : index + 2]), (codec, crf))[index - first]


def pillow(picture: Any) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(picture))


def sized(picture: Any, how: Image.Resampling, side: int = 96) -> Any:
    return np.asarray(pillow(picture).resize((side, side), how))


SNAPSHOTS = [
    Injection("channel order", "cv2.imwrite of RGB", "snapshot", lambda f, i: f[i][..., ::-1]),
    Injection("rotation or mirroring", "a quarter turn", "snapshot", lambda f, i: cv2.rotate(f[i], cv2.ROTATE_90_CLOCKWISE)),
    Injection("rotation or mirroring", "upside down", "snapshot", lambda f, i: cv2.rotate(f[i], cv2.ROTATE_180)),
    Injection("rotation or mirroring", "ImageOps.mirror", "snapshot", lambda f, i: np.asarray(ImageOps.mirror(pillow(f[i])))),
    Injection("grey", "Pillow's convert('L')", "snapshot", lambda f, i: np.asarray(pillow(f[i]).convert("L").convert("RGB"))),
    Injection("gamma or exposure", "gamma 0.45 by cv2.LUT", "snapshot", lambda f, i: cv2.LUT(f[i], lut(0.45))),
    Injection("gamma or exposure", "gamma 2.2 by cv2.LUT", "snapshot", lambda f, i: cv2.LUT(f[i], lut(2.2))),
    Injection("gamma or exposure", "a gain of 1.5", "snapshot", lambda f, i: cv2.convertScaleAbs(f[i], alpha=1.5)),
    Injection("gamma or exposure", "a gain of 0.5", "snapshot", lambda f, i: cv2.convertScaleAbs(f[i], alpha=0.5)),
    Injection("colour matrix or range", "601 read as 709 by swscale", "snapshot", lambda f, i: swscale(f[i], true=5, read=1)),
    Injection("colour matrix or range", "709 read as 601 by swscale", "snapshot", lambda f, i: swscale(f[i], true=1, read=5)),
    Injection("colour matrix or range", "limited range read as full", "snapshot", lambda f, i: (16 + f[i] * (219 / 255)).round()),
    Injection("colour matrix or range", "full range read as limited", "snapshot", lambda f, i: np.clip((f[i] - 16.0) * (255 / 219), 0, 255).round()),
    Injection("stretch, crop or letterbox", "ImageOps.fit to 96x72 of another shape", "snapshot", lambda f, i: np.asarray(ImageOps.fit(pillow(f[i]), _other(f[i])))),
    Injection("stretch, crop or letterbox", "ImageOps.pad", "snapshot", lambda f, i: np.asarray(ImageOps.pad(pillow(f[i]), _other(f[i])))),
    Injection("stretch, crop or letterbox", "a crop of 3/5, off centre", "snapshot", lambda f, i: _cropped(f[i])),
    Injection("resizing", "Pillow nearest to 96", "snapshot", lambda f, i: sized(f[i], Image.Resampling.NEAREST)),
    Injection("resizing", "cv2 nearest to 80", "snapshot", lambda f, i: cv2.resize(f[i], (80, 80), interpolation=cv2.INTER_NEAREST)),
    Injection("resizing", "cv2 linear to 64", "snapshot", lambda f, i: cv2.resize(f[i], (64, 64))),
    Injection("resizing", "FFmpeg -vf scale", "snapshot", lambda f, i: av.VideoFrame.from_ndarray(f[i], format="rgb24").reformat(width=72, height=72, interpolation="BICUBIC").to_ndarray()),
    Injection("JPEG compression", "Pillow quality 10", "snapshot", lambda f, i: (f[i], {"quality": 10})),
    Injection("JPEG compression", "Pillow quality 30", "snapshot", lambda f, i: (f[i], {"quality": 30})),
    Injection("JPEG compression", "a PNG of a JPEG, quality 15", "snapshot", lambda f, i: cv2.imdecode(cv2.imencode(".jpg", f[i], [cv2.IMWRITE_JPEG_QUALITY, 15])[1], cv2.IMREAD_UNCHANGED)),
    Injection("motion blur", "3 frames blended", "snapshot", lambda f, i: np.mean(f[max(0, i - 1) : i + 2], axis=0).round()),
    Injection("motion blur", "5 frames blended", "snapshot", lambda f, i: np.mean(f[max(0, i - 2) : i + 3], axis=0).round()),
    Injection("interlacing", "two frames woven", "snapshot", lambda f, i: _woven(f, i)),
    Injection("video compression", "H.264 at CRF 38", "snapshot", lambda f, i: coded(f, i, "H.264", 38)),
    Injection("video compression", "HEVC at CRF 38", "snapshot", lambda f, i: coded(f, i, "HEVC", 38)),
]  # fmt: skip


def _other(picture: Any) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return (height, height) if width > height else (width, round(width * 0.6))


def _cropped(picture: Any) -> Any:
    height, width = picture.shape[:2]
    return picture[height // 10 : height // 10 + int(0.6 * height), width // 4 : width // 4 + int(0.6 * width)]


def _woven(frames: Pictures, index: int) -> Any:
    woven = frames[index].copy()
    woven[1::2] = frames[min(index + 1, len(frames) - 1)][1::2]
    return woven


# On the frames' side: RGB at the source's size -> at the model's, in the order of the table.


def area(picture: Any) -> Any:
    return cv2.resize(np.ascontiguousarray(picture), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def tensorflow_resize(picture: Any) -> Any:
    return keras.ops.convert_to_numpy(keras.ops.image.resize(np.float32(picture), (SIDE, SIDE)))


def load_img(picture: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        pillow(picture).save(Path(folder) / "frame.png")
        return keras.utils.img_to_array(keras.utils.load_img(Path(folder) / "frame.png", target_size=(SIDE, SIDE)))


def centre(picture: Any) -> Any:
    return np.asarray(ImageOps.fit(pillow(picture), (SIDE, SIDE), Image.Resampling.BOX))


FRAMES = [
    Injection("channel order", "OpenCV's BGR", "order", lambda picture: picture[..., ::-1]),
    Injection("rotation or mirroring", "cv2.flip", "turn", lambda picture: cv2.flip(picture, 1)),
    Injection("resizing", "cv2.INTER_NEAREST", "resize", lambda picture: cv2.resize(np.ascontiguousarray(picture), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)),
    Injection("resizing", "cv2.resize as it is", "resize", lambda picture: cv2.resize(np.ascontiguousarray(picture), (SIDE, SIDE))),
    Injection("resizing", "keras.ops.image.resize", "resize", tensorflow_resize),
    Injection("resizing", "keras.utils.load_img", "resize", load_img),
    Injection("stretch, crop or letterbox", "ImageOps.fit", "resize", centre),
    Injection("scaling", "divided by 255 once more", "scale", lambda values: values / 255),
    Injection("scaling", "to -1..1 once more", "scale", lambda values: values / 127.5 - 1),
    Injection("scaling", "whole numbers after / 255", "scale", lambda values: (values / 255).astype(np.uint8)),
    Injection("moment", "two frames late", "time", 2),
    Injection("moment", "five frames late", "time", 5),
    Injection("gamma or exposure", "a gain of 1.4", "light", lambda picture: cv2.convertScaleAbs(picture, alpha=1.4)),
]  # fmt: skip


def make_reader(faults: Sequence[Injection], scale: str) -> Callable[[Path], Iterator[Any]]:
    """A frame reader as people write it, with these faults; `scale` is what the model expects."""
    by = {fault.side: fault.do for fault in faults}

    def read(path: Path) -> Iterator[Any]:
        capture = cv2.VideoCapture(str(path))
        late, number = by.get("time", 0), 0
        while True:
            good, frame = capture.read()
            if not good:
                return
            number += 1
            if number <= late:
                continue
            picture = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            for side in ("light", "turn", "order"):
                picture = by[side](picture) if side in by else picture
            values = by["resize"](picture) if "resize" in by else area(picture)
            values = values / 255 if scale == "0..1" else values / 127.5 - 1 if scale == "-1..1" else values
            yield by["scale"](values) if "scale" in by else values

    return read


# Models and videos.


def make_videos(folder: Path, look: sm.Videos) -> list[Path]:
    files = []
    for number, (width, height, codec, options) in enumerate(FORMS):
        source = look.file(look[number * len(look) // len(FORMS)])
        file = folder / f"{number}-{width}x{height}-{codec}.{'avi' if codec == 'mjpeg' else 'mp4'}"
        with av.open(str(source)) as given, av.open(str(file), "w") as made:
            stream = made.add_stream(codec, rate=25, options=options)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for frame in given.decode(video=0):
                fresh = av.VideoFrame.from_ndarray(
                    frame.to_ndarray(format="rgb24", width=width, height=height), format="rgb24"
                )
                made.mux(stream.encode(fresh))
            made.mux(stream.encode())
        files.append(file)
    return files


def make_models(folder: Path, look: sm.Videos) -> list[tuple[Path, str]]:
    """Five image models on the look of the demo's parts, and the range that each is fed."""
    frames, truth = [], []
    for video in look:
        with av.open(str(look.file(video))) as container:
            pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        frames += [area(picture) for picture in pictures[4::12]]
        truth += [LABELS.index(video.label or "")] * len(pictures[4::12])
    x, y = np.stack(frames).astype(np.float32), np.array(truth)

    def small(scaled: bool, norm: bool) -> keras.Model:
        given = keras.Input((SIDE, SIDE, 3))
        z = layers.Rescaling(1 / 255)(given) if scaled else given
        for width in (16, 32, 48):
            z = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=not norm)(z)
            z = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(z) if norm else z)
        return keras.Model(given, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(z)))

    def application(build: Callable[..., keras.Model], **options: Any) -> keras.Model:
        return build(input_shape=(SIDE, SIDE, 3), weights=None, classes=3, **options)

    builders: dict[str, tuple[Callable[[], keras.Model], str]] = {
        "plain": (lambda: small(True, False), "0..255"),
        "normed": (lambda: small(False, True), "0..1"),
        "centred": (lambda: small(False, True), "-1..1"),
        "mobilenet": (lambda: application(keras.applications.MobileNet, alpha=0.25), "-1..1"),
        "mobilenetv2": (lambda: application(keras.applications.MobileNetV2, alpha=0.35), "-1..1"),
    }
    made = []
    for name, (build, scale) in builders.items():
        keras.utils.set_random_seed(0)
        model = build()
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = 0.9
        model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
        fed = {"0..255": x, "0..1": x / 255, "-1..1": x / 127.5 - 1}[scale]
        started = time.perf_counter()
        stop = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, model=model, started=started: setattr(
                model, "stop_training", time.perf_counter() - started > 40
            )
        )
        history = model.fit(fed, y, batch_size=32, epochs=12, verbose=0, callbacks=[stop])
        print(f"{name}: {len(y)} frames, {history.history['accuracy'][-1]:.0%} right in training", flush=True)
        model.save(folder / f"{name}.keras")
        made.append((folder / f"{name}.keras", scale))
    return made


# Cases.


@dataclass(frozen=True)
class Case:
    """What was put in, what was said, and how many moments were right."""

    kind: str
    truth: tuple[str, ...]
    what: str
    model: str
    named: tuple[str, ...]
    flips: int
    exact: int
    near: int
    moments: int
    seconds: float

    @property
    def right(self) -> bool:
        """One fault is named first, two are among the first three, three among the first four."""
        most = {0: 0, 1: 1, 2: 3, 3: 4}[len(self.truth)]
        return set(self.truth) <= set(self.named[:most]) if self.truth else not self.named


def run_case(
    subject: Subject,
    reels: Sequence[Reel],
    faults: Sequence[Injection],
    rng: random.Random,
    kind: str,
    with_reader: bool,
) -> Case:
    on_frames = [fault for fault in faults if fault.side != "snapshot"]
    order = list(FAULTS)  # in which a picture meets them
    on_snapshots = sorted(
        (fault for fault in faults if fault.side == "snapshot"), key=lambda fault: order.index(fault.cause)
    )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        truth: dict[str, int] = {}
        for reel in reels:
            with av.open(str(reel.file)) as container:
                frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            for index in rng.sample(range(8, len(frames) - 6), 3):
                picture, options = frames[index], {}
                for fault in on_snapshots:
                    around = list(frames)
                    around[index] = picture
                    made = fault.do(around, index)
                    picture, options = made if isinstance(made, tuple) else (made, options)
                    picture = np.clip(picture, 0, 255).astype(np.uint8)
                ending = "jpg" if options else rng.choice(["png", "bmp"])
                file = Path(temporary) / f"{reel.file.stem}-{index:04d}.{ending}"
                if ending == "bmp":
                    cv2.imwrite(str(file), cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))
                else:
                    pillow(picture).save(file, **options)
                truth[file.name] = index
        snapshots, _ = read_snapshots(Path(temporary))
        reader = Reader(make_reader(on_frames, subject.scale or "0..255")) if with_reader or on_frames else None
        found, _, causes = explain_change(subject, reels, snapshots, reader, Noise(), lambda *_: None)
    off = [
        abs(one.match.index - truth[one.file.name])
        if one.match and one.file.stem.startswith(one.match.reel.file.stem)
        else 10**6
        for one in found.moments
    ]
    return Case(
        kind,
        tuple(dict.fromkeys(fault.cause for fault in faults)),
        " + ".join(fault.what for fault in faults),
        subject.file.stem,
        tuple(cause.cause for cause in causes),
        sum(one.flipped for one in found.attributions),
        sum(distance == 0 for distance in off),
        sum(distance <= 1 for distance in off),
        len(off),
        time.perf_counter() - started,
    )


def plan(rng: random.Random, cases: int) -> list[tuple[str, list[Injection], bool]]:
    """Singles in turn, pairs and triples at random, healthy pipelines with and without a reader."""
    every = [*SNAPSHOTS, *FRAMES]
    order = every * (cases // len(every) + 1)
    planned: list[tuple[str, list[Injection], bool]] = [("one fault", [fault], False) for fault in order[:cases]]
    for kind, count, size in (("two faults", cases // 2, 2), ("three faults", cases // 4, 3)):
        while count:
            chosen = rng.sample(every, size)
            if any("whole numbers" in fault.what for fault in chosen):
                continue  # of zeros and ones nothing else can be told
            if len({fault.cause for fault in chosen}) == size and len({fault.side for fault in chosen}) >= size - 1:
                planned.append((kind, chosen, False))
                count -= 1
    planned += [("healthy", [], number % 2 == 0) for number in range(cases // 2)]
    rng.shuffle(planned)
    return planned


def table(cases: Sequence[Case]) -> str:
    """Markdown."""
    lines = ["| case | cases | change a label | named rightly of those | of all | bar |", "|---|---|---|---|---|---|"]
    bars = {"one fault": "95 %", "two faults": "85 %", "three faults": "none", "healthy": "98 %"}
    says = {
        "one fault": "one fault: named first",
        "two faults": "two: both among the first three",
        "three faults": "three: all among the first four",
        "healthy": "healthy: nothing accused",
    }
    for kind, bar in bars.items():
        mine = [case for case in cases if case.kind == kind]
        flipping = [case for case in mine if case.flips]
        if mine:
            shares = [
                f"{sum(case.right for case in some)}/{len(some)} = {np.mean([case.right for case in some]):.0%}"
                if some
                else "none"
                for some in (flipping, mine)
            ]
            lines.append(f"| {says[kind]} | {len(mine)} | {len(flipping)} | {shares[0]} | {shares[1]} | {bar} |")
    plain = [
        case
        for case in cases
        if case.kind == "healthy" or (case.kind == "one fault" and case.what in {f.what for f in FRAMES})
    ]
    bent = [case for case in cases if case not in plain]
    for name, some, key in (
        ("undistorted: the frame exactly", plain, "exact"),
        ("distorted: within one frame", bent, "near"),
    ):
        right, count = sum(getattr(case, key) for case in some), sum(case.moments for case in some)
        if count:
            lines.append(
                f"| {name} | {count} snapshots | | | {right}/{count} = {right / count:.1%} | {'95 %' if key == 'exact' else ''} |"
            )
    lines += [
        "",
        "| fault put in | right of those that change a label | right of all | else named first |",
        "|---|---|---|---|",
    ]
    singles = [case for case in cases if case.kind == "one fault"]
    for what in dict.fromkeys(case.what for case in singles):
        mine = [case for case in singles if case.what == what]
        flipping = [case for case in mine if case.flips]
        wrong = sorted({case.named[0] if case.named else "nothing" for case in mine if not case.right})
        lines.append(
            f"| {mine[0].truth[0]}: {what} | {sum(c.right for c in flipping)}/{len(flipping)} "
            f"| {sum(c.right for c in mine)}/{len(mine)} | {', '.join(wrong)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=82, help="of one fault; half as many pairs and healthy ones")
    parser.add_argument("--videos", type=Path, nargs="*", default=[], help="more videos")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="more image models, fed 0 to 255")
    parser.add_argument("--folder", type=Path, help="where videos and models are kept [default: a temporary one]")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long, and tell what was done")
    parser.add_argument("--write", type=Path, help="put the table into this page, between its markers")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "look").is_dir():
            sm.make_demo_data(folder / "look", kind="look", videos=90, seed=0)
        look = sm.read_videos(folder / "look")
        files = sorted(folder.glob("*x*-*.*")) or make_videos(folder, look)
        kept = sorted(folder.glob("*.scale"))
        models = [(file.with_suffix(".keras"), file.read_text()) for file in kept] or make_models(folder, look)
        for file, scale in models:
            file.with_suffix(".scale").write_text(scale)
        reels = [read_reel(file) for file in [*files, *chosen.videos]]
        subjects = [
            load_subject(file, scale=scale) for file, scale in [*models, *((one, "0..255") for one in chosen.models)]
        ]
        rng = random.Random(0)
        cases: list[Case] = []
        began = time.perf_counter()
        for number, (kind, faults, with_reader) in enumerate(plan(rng, chosen.cases)):
            if time.perf_counter() - began > 60 * chosen.minutes:
                break
            subject = subjects[number % len(subjects)]
            case = run_case(subject, rng.sample(reels, 3), faults, rng, kind, with_reader)
            cases.append(case)
            sign = "+" if case.right else "-"
            print(f"{sign} {case.flips} {case.kind} [{case.model}] {case.what} -> {', '.join(case.named) or 'nothing'} "
                  f"moments {case.exact}/{case.moments} {case.seconds:.1f} s", flush=True)  # fmt: skip
    text = (
        f"{len(cases)} cases over {len(subjects)} models and {len(reels)} videos "
        f"(`python benchmarks/audits.py --cases {chosen.cases}`):\n\n{table(cases)}\n"
    )
    print(text)
    if chosen.write:
        page = chosen.write.read_text(encoding="utf-8")
        start, end = "<!-- benchmark -->\n", "<!-- end of benchmark -->"
        before, after = page.split(start)[0], page.split(end)[1]
        chosen.write.write_text(before + start + text + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
