"""Right on images, wrong on video: how it happens in plain Keras, and how the audit finds out why.

    python examples/why_different.py
    python examples/why_different.py --folder line --videos 200 --epochs 20

An image model learns from snapshots in the usual way: a folder of PNGs, `image_dataset_from_directory`. Then it gets
video frames from the usual OpenCV loop, and is wrong. The audit gets the model, the videos, the snapshots and that
loop. With its fixes, the model is right again. Needs opencv-python-headless.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from keras import layers

import stillmotion as sm

SIDE = 64
Reader = Callable[[Path], Iterator[Any]]


# The model is trained on snapshots.


def grab_snapshots(videos: sm.Videos, folder: Path) -> None:
    """Save every sixth frame of each video as a PNG, in one folder per label."""
    for video in videos:
        (folder / str(video.label)).mkdir(parents=True, exist_ok=True)
        capture, number = cv2.VideoCapture(str(videos.file(video))), 0
        while True:
            good, frame = capture.read()
            if not good:
                break
            if number % 6 == 3:
                cv2.imwrite(str(folder / str(video.label) / f"{Path(video.path).stem}-{number:03d}.png"), frame)
            number += 1


def block(width: int) -> list[layers.Layer]:
    """A convolution block. Momentum is 0.9 because the training is short."""
    return [
        layers.Conv2D(width, 3, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
        layers.MaxPooling2D(),
    ]


def train(folder: Path, epochs: int) -> tuple[keras.Model, list[str]]:
    """Train a small CNN, by the book."""
    keras.utils.set_random_seed(0)
    data = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIDE, SIDE), batch_size=32, seed=0, verbose=False
    )
    labels = list(data.class_names)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            *block(24),
            *block(48),
            *block(96),
            layers.GlobalMaxPooling2D(),
            layers.Dropout(0.3),
            layers.Dense(len(labels), activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(data, epochs=epochs, verbose=0)
    return model, labels


# It is used on video.


def read_frames(path: Path) -> Iterator[Any]:
    """The loop that most people write."""
    capture = cv2.VideoCapture(str(path))
    while True:
        good, frame = capture.read()
        if not good:
            return
        yield cv2.resize(frame, (SIDE, SIDE)) / 255


def read_frames_fixed(path: Path) -> Iterator[Any]:
    """The same with the fixes that the audit suggests."""
    capture = cv2.VideoCapture(str(path))
    while True:
        good, frame = capture.read()
        if not good:
            return
        frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        yield cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def accuracy_on_snapshots(model: keras.Model, folder: Path) -> float:
    data = keras.utils.image_dataset_from_directory(folder, image_size=(SIDE, SIDE), shuffle=False, verbose=False)
    return float(model.evaluate(data, verbose=0)[1])


def accuracy_on_videos(model: keras.Model, videos: sm.Videos, labels: Sequence[str], reader: Reader) -> float:
    """The fraction of frames that get their video's label."""
    correct: list[Any] = []
    for video in videos:
        frames = np.stack(list(reader(videos.file(video)))[3::6]).astype("float32")
        correct += list(model.predict(frames, verbose=0).argmax(1) == labels.index(str(video.label)))
    return float(np.mean(correct))


def run(folder: Path, videos: int, epochs: int) -> None:
    sm.make_demo_data(folder / "videos", kind="look", videos=videos, seed=0)
    train_part, _, test = sm.split(sm.read_videos(folder / "videos"), (0.6, 0.1, 0.3), seed=0)
    grab_snapshots(train_part, folder / "train")
    grab_snapshots(test, folder / "test")
    model, labels = train(folder / "train", epochs)
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("\n".join(labels))
    print(f"accuracy on snapshots:            {accuracy_on_snapshots(model, folder / 'test'):4.0%}")
    usual = accuracy_on_videos(model, test, labels, read_frames)
    print(f"accuracy on frames of the videos: {usual:4.0%}  (usual OpenCV loop)")

    audited = [test.file(video) for video in list(test)[:: max(1, len(test) // 8)]]  # of every label
    snapshots = folder / "few"
    snapshots.mkdir()
    for number, file in enumerate(sorted((folder / "test").rglob("*.png"))):
        if any(file.name.startswith(video.stem + "-") for video in audited) and number % 3 == 0:
            (snapshots / file.name).write_bytes(file.read_bytes())
    audit = sm.audit_model(
        folder / "model.keras",
        audited,
        snapshots=snapshots,
        frame_reader=read_frames,
        labels=folder / "labels.txt",
        sensitivity=False,
    )
    print(f"\n{audit.summary}\n")
    for cause in audit.causes:
        print(f"  {cause.name}: {cause.fix}")
    fixed = accuracy_on_videos(model, test, labels, read_frames_fixed)
    print(f"\naccuracy on frames of the videos: {fixed:4.0%}  (fixed loop)")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=120)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="keeps all files [default: a temporary folder]")
    chosen = parser.parse_args(words)
    if chosen.folder:
        return run(chosen.folder, chosen.videos, chosen.epochs)
    with tempfile.TemporaryDirectory() as temporary:
        run(Path(temporary), chosen.videos, chosen.epochs)


if __name__ == "__main__":
    main(sys.argv[1:])
