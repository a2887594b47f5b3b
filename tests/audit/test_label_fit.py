"""Labels in another order than the model's outputs are recognized, and not confused with what cannot be told apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from helpers.media import write_lossy_video
from stillmotion.audit import Audit, audit_model
from stillmotion.audit.label_fit import best_order, names_by_output
from stillmotion.audit.sentences import summarize

pytestmark = pytest.mark.backend

COLORS = {
    "red": (200, 60, 60),
    "green": (60, 190, 60),
    "blue": (70, 70, 200),
    "gray": (120, 120, 120),
    "dark": (50, 50, 50),
}
SIDE = 24


def colored_frames(color: str, seed: int) -> Any:
    """A textured scene of one color, with a bright square that moves."""
    rng = np.random.default_rng((seed, 3))
    ground = rng.integers(60, 100, (48, 64, 1)) / 100
    frames = np.repeat((ground * np.array(COLORS[color]))[None], 8, axis=0)
    for t, frame in enumerate(frames):
        frame[10 : 20 + 3 * seed, 4 + 5 * t : 14 + 5 * t] += 50
    return np.clip(frames, 0, 255).astype(np.uint8)


def make_world(folder: Path, colors: tuple[str, ...], change: Callable[[Any], Any] = lambda picture: picture) -> None:
    """Four videos, and snapshots of them in one folder for each color."""
    import av

    (folder / "clips").mkdir()
    for seed in range(4):
        color = colors[seed % len(colors)]
        video = write_lossy_video(folder / "clips" / f"{seed}.mp4", colored_frames(color, seed))
        with av.open(str(video)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        (folder / "stills" / color).mkdir(parents=True, exist_ok=True)
        for index in (1, 6):
            file = folder / "stills" / color / f"{seed}-{index}.png"
            Image.fromarray(np.ascontiguousarray(change(frames[index]))).save(file)


def color_classifier(file: Path, colors: tuple[str, ...], gain: float = 60.0, scale: float = 1 / 255) -> Path:
    """A model whose outputs are these colors, without any training."""
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(scale)(inputs) if scale != 1 else inputs
    head = keras.layers.Dense(len(colors), activation="softmax")
    model = keras.Model(inputs, head(keras.layers.GlobalAveragePooling2D()(x)))
    rows = 0.85 * np.array([COLORS[color] for color in colors], np.float32) / 255  # the ground is darker
    head.set_weights([gain * rows.T, -gain * (rows**2).sum(1) / 2])
    model.save(file)
    return file


def audit(folder: Path, labels: tuple[str, ...], **options: Any) -> Audit:
    return audit_model(
        folder / "model.keras",
        [folder / "clips"],
        snapshots=folder / "stills",
        labels=labels,
        sensitivity=False,
        **options,
    )


def test_labels_in_another_order_are_a_cause_with_the_order_as_its_fix(tmp_path: Path) -> None:
    make_world(tmp_path, ("red", "green", "gray"))
    color_classifier(tmp_path / "model.keras", ("green", "gray", "red"))
    result = audit(tmp_path, ("gray", "red", "green"))
    cause = result.causes[0]
    assert (cause.cause, cause.explains, cause.alternatives) == ("label_order", "wrong labels", ())
    assert cause.fix == "labels in output order: green, gray, red"
    assert result.summary.startswith("Your labels fit perfectly in this order: green, gray, red. As it is, ")
    assert cause.share == 1
    assert "evident" not in result.summary


def test_labels_in_the_right_order_are_no_cause(tmp_path: Path) -> None:
    make_world(tmp_path, ("red", "green", "gray"))
    color_classifier(tmp_path / "model.keras", ("green", "gray", "red"))
    assert audit(tmp_path, ("green", "gray", "red")).causes == ()


def test_what_snapshots_do_not_tell_apart_is_named_together(tmp_path: Path) -> None:
    """Red and blue as BGR are blue and red: their labels look swapped."""
    make_world(tmp_path, ("red", "blue"))
    color_classifier(tmp_path / "model.keras", ("red", "blue"))
    result = audit(tmp_path, ("blue", "red"))
    causes = {result.causes[0].cause, *result.causes[0].alternatives}
    assert causes == {"label_order", "channel_order"}
    assert "these snapshots do not tell which" in result.summary
    assert "red, blue" in result.causes[0].fix
    assert "BGR" in result.causes[0].fix


def test_a_model_that_always_says_the_same_has_no_other_order(tmp_path: Path) -> None:
    """Another order would make the most frequent label right."""
    make_world(tmp_path, ("red", "green", "red"))
    color_classifier(tmp_path / "model.keras", ("blue", "red"), gain=0.0)
    model = keras.saving.load_model(tmp_path / "model.keras")
    model.layers[-1].set_weights([np.zeros((3, 2), np.float32), np.array([3, -3], np.float32)])
    model.save(tmp_path / "model.keras")
    assert audit(tmp_path, ("green", "red")).causes == ()


def test_snapshots_with_swapped_channels_are_not_taken_for_another_order(tmp_path: Path) -> None:
    """The frames get their labels: only the snapshots are wrong."""
    make_world(tmp_path, ("red", "blue"), lambda picture: picture[..., ::-1])
    color_classifier(tmp_path / "model.keras", ("red", "blue"))
    assert [cause.cause for cause in audit(tmp_path, ("red", "blue")).causes] == ["channel_order"]


def test_the_preprocessing_is_found_although_labels_are_in_another_order(tmp_path: Path) -> None:
    make_world(tmp_path, ("dark", "gray"))
    color_classifier(tmp_path / "model.keras", ("gray", "dark"), scale=1)
    result = audit(tmp_path, ("dark", "gray"), find_preprocessing=True)
    assert (result.preprocessing[0].input_range, result.preprocessing[0].labels) == ("0..1", ("gray", "dark"))
    assert "The labels settle: input range 0..1, order of labels gray, dark. They leave open: " in result.summary
    assert "channels (RGB or BGR)" in result.summary
    assert result.causes[0].cause == "label_order"


def test_a_preprocessing_that_fits_no_label_is_not_called_the_likeliest(tmp_path: Path) -> None:
    make_world(tmp_path, ("red", "green"))
    color_classifier(tmp_path / "model.keras", ("green", "red"))
    result = audit(tmp_path, ("green", "red"), find_preprocessing=True)
    bad = tuple(dataclasses.replace(way, accuracy=0.4) for way in result.preprocessing)
    summary = summarize(None, None, (), result.noise, (), 0.0, (), bad, ("green", "red"), False)
    assert "No usual preprocessing fits the labels of the snapshots: 40 % is the most" in summary
    assert "settle" not in summary


def test_the_order_is_that_of_the_largest_likelihood() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0, 0, 1, 1, 2])
    likelihoods = rng.normal(-5, 0.1, (5, 4))
    outputs = np.array([2, 0, 1])  # of each label
    likelihoods[np.arange(5), outputs[truth]] = -0.1
    order = best_order(likelihoods, truth)
    assert order.tolist() == [2, 0, 1, 3]  # a label without snapshots keeps its output
    assert names_by_output(("a", "b", "c", "d"), order) == ("b", "c", "a", "d")
