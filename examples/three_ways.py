"""Three ways to classify videos: frame by frame, CNN-LSTM and 3D CNN. First in plain Keras, then with stillmotion.

    python examples/three_ways.py
    python examples/three_ways.py --folder line --videos 300 --epochs 30

The videos are rendered: a small production line whose labels differ in motion only, so that a still model cannot do
better than guessing. Both parts train the same small architectures on the same videos. Three things are easy to get
wrong by hand:

- Clips of one recording look alike. They are split by group here, the validation part too, so that no model is tested
  on a recording that it was trained on. `validation_split` would take the last rows of the arrays, unshuffled.
- Frames are taken from the whole video, not only from its beginning.
- All three are compared by video: the predictions of the frame model are averaged over the frames of each.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

import stillmotion as sm

FRAMES, SIDE = 10, 64
Clips = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


# In plain Keras: arrays in, (N, classes) out.


def read_clip(file: Path) -> Clips:
    """Ten frames, evenly spread over a video: uint8 RGB (10, 64, 64, 3)."""
    with av.open(str(file)) as video:
        frames = [
            frame.to_ndarray(width=SIDE, height=SIDE, format="rgb24", interpolation="AREA")
            for frame in video.decode(video=0)
        ]
    middles = ((np.arange(FRAMES) + 0.5) * len(frames) / FRAMES).astype(int)
    return np.stack([frames[index] for index in middles])


def read_arrays(videos: sm.Videos, labels: Sequence[str]) -> tuple[Clips, NDArray[np.int64]]:
    """Clips (N, 10, 64, 64, 3), and for each the index of its label (N,)."""
    clips = np.stack([read_clip(videos.file(video)) for video in videos])
    return clips, np.array([labels.index(video.label or "") for video in videos])


def frame_model(classes: int) -> keras.Model:
    """One frame at a time."""
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def cnn_lstm_model(classes: int) -> keras.Model:
    """The same convolutions on each frame, then an LSTM over the frames."""
    return keras.Sequential(
        [
            keras.Input((FRAMES, SIDE, SIDE, 3)),  # TimeDistributed needs to know the number of frames
            layers.Rescaling(1 / 255),
            layers.TimeDistributed(layers.Conv2D(32, 3, activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D()),
            layers.TimeDistributed(layers.Conv2D(64, 3, activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D()),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(128),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def conv3d_model(classes: int) -> keras.Model:
    """Convolutions over time and space together."""
    return keras.Sequential(
        [
            keras.Input((FRAMES, SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv3D(32, 3, activation="relu"),
            layers.MaxPooling3D(),
            layers.Conv3D(64, 3, activation="relu"),
            layers.MaxPooling3D(),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def in_plain_keras(
    parts: tuple[sm.Videos, sm.Videos, sm.Videos], labels: Sequence[str], epochs: int, families: Sequence[str]
) -> dict[str, float]:
    """Train each model in plain Keras; its accuracy on the test videos."""
    (x, y), (x_validation, y_validation), (x_test, y_test) = (read_arrays(part, labels) for part in parts)
    builders = {"frame_pool": frame_model, "cnn_rnn": cnn_lstm_model, "conv3d": conv3d_model}
    accuracies = {}
    for family in families:
        keras.utils.set_random_seed(0)
        model = builders[family](len(labels))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
        shape = (-1, *model.input_shape[1:])  # for the frame model, each frame is an example
        repeats = FRAMES if family == "frame_pool" else 1
        validation = x_validation.reshape(shape), np.repeat(y_validation, repeats)
        model.fit(
            x.reshape(shape),
            np.repeat(y, repeats),
            batch_size=16 * repeats,
            epochs=epochs,
            validation_data=validation,
            callbacks=[best],
            verbose=0,
        )
        probabilities: Probabilities = model.predict(x_test.reshape(shape), verbose=0)
        by_video = probabilities.reshape(len(x_test), repeats, len(labels)).mean(axis=1)  # (N, classes)
        accuracies[family] = float(np.mean(by_video.argmax(axis=1) == y_test))
    return accuracies


# With stillmotion: the same architectures, but with its own scaling, sampling, augmentation and schedule.


def with_stillmotion(
    parts: tuple[sm.Videos, sm.Videos, sm.Videos], epochs: int, families: Sequence[str], folder: Path
) -> tuple[dict[str, float], sm.Verdict | None]:
    """Train each model with stillmotion; its accuracy on the test videos, and the verdict."""
    train, validation, test = parts
    spec = sm.ClipSpec(FRAMES, "spread", SIDE)
    classic: dict[str, Any] = {"preset": "classic", "epochs": epochs}
    runs = [
        sm.evaluate(sm.train(family, train, validation, out=folder / family, spec=spec, **classic), test)
        for family in families
    ]
    comparison = sm.compare_runs(runs)
    accuracies = {name: result.accuracy.value for name, result in comparison.models.items()}
    return accuracies, comparison.verdict


def run(folder: Path, videos: int, epochs: int, families: Sequence[str]) -> None:
    """Render the videos, train all models, and print a table."""
    sm.make_demo_data(folder / "videos", kind="motion", videos=videos, seed=0)
    data = sm.read_videos(folder / "videos")
    parts = sm.split(data, (0.6, 0.2, 0.2), seed=0)  # by group
    print(f"{len(data)} videos of {len(data.labels)} labels; in train, validation, test: {[*map(len, parts)]}")
    plain = in_plain_keras(parts, data.labels, epochs, families)
    ours, verdict = with_stillmotion(parts, epochs, families, folder / f"runs-{videos}-{epochs}")
    print(f"\n{'accuracy':12}{'plain Keras':>14}{'stillmotion':>14}")
    for family in families:
        print(f"{family:12}{plain[family]:14.1%}{ours[family]:14.1%}")
    print(f"{'guessing':12}{1 / len(data.labels):14.1%}")
    if verdict:
        print(f"\n{verdict.answer}: {verdict.sentence}")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Three ways to classify a video, in plain Keras and with stillmotion.")
    parser.add_argument("--videos", type=int, default=200, help="number of videos to render")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--families", default=",".join(sm.FAMILIES), help="which of the three, separated by commas")
    parser.add_argument("--folder", type=Path, help="folder for videos and runs [default: a temporary one]")
    chosen = parser.parse_args(words)
    families = chosen.families.split(",")
    if chosen.folder:
        return run(chosen.folder, chosen.videos, chosen.epochs, families)
    with tempfile.TemporaryDirectory() as temporary:
        run(Path(temporary), chosen.videos, chosen.epochs, families)


if __name__ == "__main__":
    main()
