"""Arguments as people give them: taken where the meaning is clear, else refused in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stillmotion as sm
from helpers.training import write_shades
from stillmotion.models import FAMILIES
from stillmotion.training.recipes import RecipeSettings

ARRAY: Any = np.zeros((4, 16, 16, 3), np.uint8)


def predictions(probabilities: Any = ((1, 0), (0, 1)), **changed: Any) -> sm.Predictions:
    """Predictions as a user types them, of two videos and two labels."""
    given: dict[str, Any] = {"videos": ["v", "w"], "groups": ["v", "w"], "labels": ["a", "b"], "truth": [0, 1]}
    return sm.Predictions(**{**given, "probabilities": probabilities, **changed})


# What is called, and what the message says.
WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: sm.ClipSpec(8, "sprad", 32), "rate is 'sprad'; expected 'spread'"),  # type: ignore[arg-type]
    (lambda: sm.ClipSpec(order="back"), "order is 'back'; expected forward, shuffled, frozen"),  # type: ignore[arg-type]
    (lambda: sm.Augment(crop=1), "crop is 1; expected 0 to below 1"),
    (lambda: sm.Augment(color=-0.1), "color is -0.1; expected 0 to 1"),
    (lambda: sm.Augment(contrast="much"), "contrast is 'much'; expected 0 to 1"),  # type: ignore[arg-type]
    (lambda: sm.make_recipe("conv3d", augment={}), r"augment is {}; expected sm\.Augment"),  # type: ignore[arg-type]
    (lambda: sm.make_recipe("conv3d", spec=ARRAY), r"spec is an array of shape .*; expected sm\.ClipSpec"),
    (lambda: sm.make_recipe("conv3d", precision="half"), "precision is 'half'"),  # type: ignore[arg-type]
    (lambda: sm.make_recipe("conv3d", epochs=2.5), "epochs is 2.5; expected a whole number"),  # type: ignore[arg-type]
    (lambda: sm.make_recipe("conv3d", learning_rate="1"), "learning rate is '1'"),  # type: ignore[arg-type]
    (lambda: sm.make_recipe("conv3d", weight_decay=float("nan")), "weight decay is nan"),
    (lambda: sm.make_recipe("conv3d", label_smoothing=1), "label smoothing is 1; expected 0 to below 1"),
    (lambda: sm.make_recipe("conv3d", seed=-1), "seed is -1; expected a whole number of 0 or more"),
    (lambda: sm.make_recipe("conv3d", epoch=2), "no setting 'epoch'"),  # type: ignore[call-arg]
    (lambda: sm.train("conv3d", ARRAY, ARRAY, out="run"), r"expected a data set: .*, not an array of shape"),
    (lambda: sm.read_videos("x" * 5000), "no file or folder"),
    (lambda: sm.split(3), "expected a data set"),  # type: ignore[arg-type]
    (lambda: sm.open_videos(ARRAY), "expected a data set"),
    (lambda: sm.inspect_videos(ARRAY), "expected a data set"),
    (lambda: sm.find_shortcuts(ARRAY), "expected a data set"),
    (lambda: sm.read_run(ARRAY), "expected a run or its folder, not an array"),
    (lambda: sm.evaluate(ARRAY, ARRAY), "expected a run or its folder, not an array"),
    (lambda: sm.compare_runs("run"), "expected a list of runs"),
    (lambda: list(sm.predict("run", None)), "expected videos .*, not None"),  # type: ignore[arg-type]
    (lambda: list(sm.predict(ARRAY, "clips")), "clips: no such file or folder"),
    (lambda: sm.describe_model(ARRAY), "expected a run, a Keras model or its file"),
    (lambda: sm.stream_model(Path("a.keras")), "expected a Keras model, not PosixPath"),
    (lambda: predictions([[-1, 2], [0, 1]]), "of the video 'v' is not between 0 and 1"),
    (lambda: predictions([[1, 0], [float("nan"), 1]]), "of the video 'w' is missing or not a number"),
    (lambda: predictions([[0.1, 0.2], [0, 1]]), "of the video 'v' is wrong: those of the row do not add up to 1"),
    (lambda: predictions([["much", 0], [0, 1]]), "truth or probabilities are no numbers"),
    (lambda: predictions(groups=["v"]), "2 videos and 2 labels with 1 groups"),
    (lambda: predictions(truth=[0, 2]), "truth holds numbers of labels, from 0 to 1"),
    (lambda: predictions(videos=["v", "v"]), "the video 'v' is there twice"),
    (lambda: sm.decide(predictions(), predictions(), margin=5), "margin is 5; expected 0 to below 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_a_wrong_argument_is_a_wrong_call(call: Callable[[], object], message: str) -> None:
    with pytest.raises(sm.UsageError, match=message) as error:
        call()
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_predictions_are_taken_as_lists_and_without_a_list() -> None:
    verdict = sm.decide(predictions([[0, 1], [1, 0]]), predictions())
    assert (verdict.still_accuracy, verdict.motion_accuracy) == (0, 1)
    assert sm.compute_metrics(predictions()).accuracy.value == 1


def test_functions_that_take_videos_take_their_folder(tmp_path: Path) -> None:
    folder = write_shades(tmp_path / "shades", 3)
    videos = sm.read_videos(folder)
    assert sm.open_videos(str(folder)) == sm.open_videos(videos)
    assert sm.split(folder) == sm.split(videos)
    assert sm.split_folds(folder, 3) == sm.split_folds(videos, 3)
    assert sm.inspect_videos(folder) == sm.inspect_videos(videos)
    assert sm.find_shortcuts(folder) == sm.find_shortcuts(videos)


def test_settings_are_typed_completely() -> None:
    """`make check` tells a wrong name: `epoch=2`, above, needs its comment to pass."""
    options = {name for family in FAMILIES.values() for name in family.options}
    fields = {field.name for field in dataclasses.fields(sm.Recipe)} - {"family", "own"}
    assert set(RecipeSettings.__annotations__) == options | fields | {"kind"}  # of a family of one's own


def test_a_camera_is_named_by_its_number() -> None:
    from stillmotion.decoding.live import find_source

    assert find_source(0) == find_source("0")
    with pytest.raises(sm.UsageError, match="no file"):
        find_source("x" * 5000)


def test_the_version_is_that_of_the_package() -> None:
    assert sm.__version__ == version("stillmotion")
    with pytest.raises(AttributeError):
        sm.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_what_people_print_is_one_line(tmp_path: Path) -> None:
    """A run with a thousand videos, in a notebook or a log."""
    videos = tuple(sm.Video(f"{number}.mp4", "a", part="train") for number in range(1000))
    from stillmotion.runs import DataRecord, RunRecord

    run = sm.Run(tmp_path, RunRecord(sm.make_recipe("conv3d"), ("a", "b"), DataRecord("", "", videos)))
    assert len(repr(run)) < 100 + len(str(tmp_path))
