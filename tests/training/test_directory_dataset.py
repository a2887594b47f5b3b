"""The loader: the arguments of `keras.utils.image_dataset_from_directory`, and groups that are never split."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers.training import write_shades

pytestmark = pytest.mark.backend
PAGE = Path(__file__).parents[2] / "docs" / "keras.md"
SMALL: dict[str, Any] = {"image_size": (16, 16), "frames": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten recordings of two labels, and a file that is no video."""
    folder = write_shades(tmp_path_factory.mktemp("data") / "clips", 5)
    (folder / "dark" / "broken.mp4").write_text("no video")
    return folder


def load(folder: Path, **given: Any) -> sm.VideoDataset:
    data = sm.video_dataset_from_directory(folder, **{**SMALL, **given})
    assert isinstance(data, sm.VideoDataset)
    return data


def test_the_arguments_are_those_of_keras_in_their_order() -> None:
    ours = list(inspect.signature(sm.video_dataset_from_directory).parameters.values())
    shared = [one.name for one in ours if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    theirs = list(inspect.signature(keras.utils.image_dataset_from_directory).parameters)
    assert set(shared) <= set(theirs)
    assert shared == sorted(shared, key=theirs.index)


def test_batches_are_labeled_clips_as_keras_gives_them(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = load(folder, batch_size=4, shuffle=False)
    clips, labels = data[0]
    assert (clips.shape, clips.dtype, labels.dtype) == ((4, 2, 16, 16, 3), np.float32, np.int32)
    assert [len(clips) for clips, _ in data] == [4, 4, 2]
    assert [data.class_names[number] for _, numbers in data for number in numbers] == ["bright"] * 5 + ["dark"] * 5
    assert clips.max() > 200 and [Path(path).parent.name for path in data.file_paths[:5]] == ["bright"] * 5
    assert [video.video.path for video in data.skipped] == ["dark/broken.mp4"] and "broken.mp4" in caplog.text


@pytest.mark.parametrize(("mode", "first"), [("int", 1), ("categorical", [0, 1]), ("binary", [1]), (None, None)])
def test_labels_have_the_forms_of_keras(folder: Path, mode: Any, first: Any) -> None:
    given: dict[str, Any] = {"label_mode": mode, "class_names": ["dark", "bright"], "shuffle": False, **SMALL}
    batch = sm.video_dataset_from_directory(folder, **given)[0]
    if mode is None:
        assert batch.shape[1:] == (2, 16, 16, 3)
    else:
        np.testing.assert_array_equal(batch[1][0], first)


def test_groups_are_never_split_and_the_parts_are_the_same_each_time(folder: Path) -> None:
    given: dict[str, Any] = {"validation_split": 0.4, "group": r"rec\d|broken", **SMALL}
    train, validation = sm.video_dataset_from_directory(folder, subset="both", **given)
    groups = [{Path(path).stem for path in part.file_paths} for part in (train, validation)]
    assert not groups[0] & groups[1] and len((groups[0] | groups[1]) - {"broken"}) == 5
    again = load(folder, subset="validation", **given)
    assert again.file_paths == validation.file_paths


def test_clips_follow_from_seed_epoch_and_index(folder: Path) -> None:
    first, same, other = (load(folder, seed=seed, batch_size=4) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[1][0], same[1][0])
    assert (first[1][0] != other[1][0]).any()
    before = first[1][0]
    first.on_epoch_end()
    assert (before != first[1][0]).any()
    first.epoch = 0
    np.testing.assert_array_equal(before, first[1][0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"label_mode": "float"}, "label_mode is 'float'; expected int"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"subset": "validation"}, "validation_split and subset go together"),
        ({"validation_split": 1.5, "subset": "both"}, r"the share of the validation part is 1\.5"),
        ({"class_names": ["dark"]}, r"class_names is \['dark'\]; the labels are \['bright', 'dark'\]"),
        ({"image_size": 16}, r"image_size is 16; expected \(height, width\)"),
        ({"labels": [0.5] * 11}, "or one label for each of 11 videos"),
        ({"labels": [0] * 11, "class_names": ["dark"]}, "and have no class_names"),
        ({"labels": np.array([0] * 10 + [-1])}, "are 0 or more"),
        ({"labels": None, "frame_rate": 10}, "frame rate"),
        ({"labels": ["a"]}, "or one label for each of 11 videos"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "give one of crop_to_aspect_ratio"),
        ({"directory": "nowhere"}, "nowhere: no such file or folder"),
    ],
)
def test_wrong_arguments_are_wrong_calls(folder: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(sm.UsageError, match=message):
        sm.video_dataset_from_directory(**{"directory": folder, **SMALL, **given})


def test_labels_are_given_or_there_are_none(folder: Path) -> None:
    unlabeled = load(folder, labels=None, shuffle=False)
    assert unlabeled[0].shape == (8, 2, 16, 16, 3) and unlabeled.class_names == ()
    names = ["odd", "even"] * 5 + ["odd"]
    given = load(folder, labels=names)
    assert given.class_names == ("even", "odd")
    assert load(folder, labels=np.array(names)).class_names == ("even", "odd")


@pytest.mark.parametrize("kind", [list, np.array])
def test_whole_numbers_stay_as_they_are(folder: Path, kind: Any) -> None:
    """Also where they are not in the order of their names, or some are missing."""
    data = load(folder, labels=kind([10, 9, 2, 3, 4, 5, 6, 7, 8, 1, 1]), shuffle=False, batch_size=4)
    assert (data.class_names[10], len(data.class_names)) == ("10", 11)
    assert data[0][1].tolist() == [10, 9, 2, 3]


def test_the_page_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On small clips, for one epoch: a plain Keras model and a frame baseline. What follows is called rightly."""
    plain, *trained = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for large, small in (
        ("(112, 112)", "(16, 16)"), ("16, 112, 112", "2, 16, 16"), ("frames=16", "frames=2"), ("epochs=20", "epochs=1"),
        ("(16, 32, 64)", "(4,)"), ("GRU(32)", "GRU(4)"), ('["accuracy"]', '["accuracy"], run_eagerly=True'),
    ):  # fmt: skip
        assert large in plain
        plain = plain.replace(large, small)
    monkeypatch.chdir(folder.parent)
    namespace: dict[str, Any] = {}
    exec(compile(plain, str(PAGE), "exec"), namespace)
    calls: list[dict[str, Any]] = []
    signature = inspect.signature(sm.train)
    monkeypatch.setattr(sm, "train", lambda *words, **given: calls.append(signature.bind(*words, **given).arguments))
    monkeypatch.setattr(sm, "evaluate", lambda run, test: run)
    monkeypatch.setattr(sm, "compare_runs", Mock())
    with pytest.raises(AttributeError, match="recipe"):  # at the last line, which prints that of a run
        exec(compile("\n".join(trained), str(PAGE), "exec"), namespace)
    assert [call.get("settings", {}).get("kind") for call in calls] == ["still", "motion", None]
    own = {"callbacks", "optimizer", "loss", "class_weights", "augmentation"}
    assert own <= set(calls[2]) and not own & set(calls[0])
