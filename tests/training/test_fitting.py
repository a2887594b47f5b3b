"""The rules of a training: what chooses the epoch, which weights are kept, and how it resumes."""

from __future__ import annotations

import csv
import dataclasses
import gc
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers.training import swap_labels
from stillmotion.clips import open_videos, read_clips
from stillmotion.errors import StillmotionError
from stillmotion.files import folder_lock
from stillmotion.runs import TrainingRecord
from stillmotion.training import ValidationClips, train
from stillmotion.training.bfloat16_products import has_bfloat16_products
from stillmotion.training.checkpoints import CheckpointCallback, TrainingState

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def quick_recipe(easy_recipe: sm.Recipe) -> sm.Recipe:
    """One epoch of a network without batch normalization and dropout, for rules on which network does not matter."""
    return sm.make_recipe("frame_pool", preset="classic", spec=easy_recipe.spec, epochs=1, batch_size=4)


def history(run: sm.Run) -> list[dict[str, float]]:
    with run.history_file.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def without_times(run: sm.Run) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history(run)]


def finished_training(run: sm.Run) -> TrainingRecord:
    assert run.record.training is not None
    return run.record.training


def validation_loss(run: sm.Run, validation: sm.Videos) -> float:
    """The loss of the saved model, by hand: cross-entropy with smoothed labels."""
    batches = ValidationClips(open_videos(validation).segments, run.labels, run.recipe)
    model = keras.saving.load_model(run.model_file)
    smoothing, losses = run.recipe.label_smoothing, []
    for clips, targets in (batches[index] for index in range(len(batches))):
        smoothed = targets * (1 - smoothing) + smoothing / len(run.labels)
        losses += list(-(smoothed * np.log(keras.ops.convert_to_numpy(model(clips)))).sum(axis=1))
    return float(np.mean(losses))


def test_the_best_epoch_is_that_of_the_lowest_validation_loss_in_the_second_half(
    easy_run: sm.Run, contrary_run: sm.Run
) -> None:
    for run in (easy_run, contrary_run):
        losses, training = [row["val_loss"] for row in history(run)], finished_training(run)
        assert training.epochs == len(losses)
        half = run.recipe.epochs // 2
        best = min(losses[half:])
        assert training.best_epoch == 1 + losses.index(best)
        assert training.validation_loss == pytest.approx(best)
        assert training.validation_accuracy == history(run)[training.best_epoch - 1]["val_accuracy"]
        assert training.seconds == pytest.approx(sum(row["seconds"] for row in history(run)))
        assert 0 < training.seconds < 600
    contrary = [row["val_loss"] for row in history(contrary_run)]
    assert finished_training(contrary_run).best_epoch < finished_training(contrary_run).epochs
    assert min(contrary) < contrary[finished_training(contrary_run).best_epoch - 1]  # an epoch that is not judged


def test_training_stops_when_the_validation_loss_has_not_fallen_for_so_many_epochs(
    easy_run: sm.Run, contrary_run: sm.Run
) -> None:
    """Both learn the same from the same videos; only what the validation part says of it differs."""
    easy, contrary = finished_training(easy_run), finished_training(contrary_run)
    for training, run in ((easy, easy_run), (contrary, contrary_run)):
        assert training.epochs == training.best_epoch + run.recipe.patience < run.recipe.epochs
    assert easy.epochs != contrary.epochs
    both = min(easy.epochs, contrary.epochs)
    learned = [[row["loss"] for row in history(run)[:both]] for run in (easy_run, contrary_run)]
    assert learned[0] == pytest.approx(learned[1])


def test_the_weights_that_are_kept_are_the_averaged_ones_of_the_best_epoch(
    easy_run: sm.Run, contrary_run: sm.Run, shades: list[sm.Videos]
) -> None:
    """Validation is done with the averaged weights, so no others have the recorded loss."""
    contrary = swap_labels(shades[1], "dark", "bright")
    for run, validation in ((easy_run, shades[1]), (contrary_run, contrary)):
        assert validation_loss(run, validation) == pytest.approx(finished_training(run).validation_loss, abs=1e-3)


def test_the_run_says_that_products_were_in_bfloat16(easy_run: sm.Run) -> None:
    expected = "bfloat16" if has_bfloat16_products(easy_run.recipe.precision) else None
    assert easy_run.record.versions.get("products") == expected


def test_the_learning_rate_is_at_its_peak_after_a_tenth_and_then_falls_along_a_cosine(easy_run: sm.Run) -> None:
    steps_per_epoch, recipe = 3, easy_run.recipe
    steps = steps_per_epoch * recipe.epochs
    warm_up = steps // 10
    for row in history(easy_run):
        share = (steps_per_epoch * row["epoch"] - warm_up) / (steps - warm_up)
        assert row["learning_rate"] == pytest.approx(recipe.learning_rate * (1 + math.cos(math.pi * share)) / 2)


def test_the_test_part_of_a_new_run_is_empty_and_the_others_are_recorded(
    easy_run: sm.Run, shades: list[sm.Videos]
) -> None:
    data = easy_run.record.data
    assert [video.path for video in data.part("train")] == [video.path for video in shades[0]]
    assert [video.path for video in data.part("validation")] == [video.path for video in shades[1]]
    assert not data.part("test")
    assert easy_run.labels == ("bright", "dark")
    assert data.typical_seconds == pytest.approx(0.4, abs=0.05)


def test_a_still_run_has_a_model_for_single_frames_that_predicts_the_same(
    easy_run: sm.Run, shades: list[sm.Videos]
) -> None:
    (segment, *_) = open_videos(shades[2]).segments
    clip = read_clips(segment.file, [segment.window], easy_run.recipe.spec)
    held = np.repeat(clip[:, :1], clip.shape[1], axis=1)
    model, snapshot_model = map(keras.saving.load_model, (easy_run.model_file, easy_run.snapshot_file))
    of_clip, of_frame = (keras.ops.convert_to_numpy(m(x)) for m, x in ((model, held), (snapshot_model, clip[:, 0])))
    np.testing.assert_allclose(of_frame, of_clip, atol=1e-5)


@pytest.fixture(scope="module")
def named_run(shades: list[sm.Videos], tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    """A training by a family's name, of one epoch."""
    return sm.train(
        "conv3d",
        shades[0],
        shades[1],
        out=tmp_path_factory.mktemp("runs") / "named",
        factored=False,
        epochs=1,
        batch_size=6,
        precision="mixed_bfloat16",
        tensorboard=keras.backend.backend() == "tensorflow",
    )


def test_trained_by_name_a_run_has_the_settings_given_and_clips_that_suit_the_videos(named_run: sm.Run) -> None:
    recipe = named_run.recipe
    assert (recipe.family, recipe.options["factored"], recipe.epochs, recipe.batch_size) == ("conv3d", False, 1, 6)
    assert recipe.patience == sm.Recipe("conv3d").patience  # epochs were given: nothing is made to suit the clips
    assert recipe.spec == sm.ClipSpec(frames=16, rate="spread", size=64)  # short videos of like length
    assert not named_run.snapshot_file.exists()
    logged = keras.backend.backend() == "tensorflow"
    assert (named_run.folder / "tensorboard").exists() == logged


def test_precision_is_the_models_and_not_left_behind(named_run: sm.Run) -> None:
    model = keras.saving.load_model(named_run.model_file)
    assert "mixed_bfloat16" in {layer.dtype_policy.name for layer in model.layers}
    assert keras.config.dtype_policy().name == "float32"


@pytest.fixture(scope="module")
def unfinished_run(shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was interrupted after two epochs."""

    def interrupt(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if figures.get("epoch") == 2:
            raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("runs") / "unfinished-run"
    with pytest.raises(KeyboardInterrupt):
        sm.train(easy_recipe, shades[0], shades[1], out=folder, progress=interrupt)
    return folder


@pytest.mark.jax
def test_interrupted_it_resumes_to_the_same_run(
    easy_run: sm.Run,
    unfinished_run: Path,
    shades: list[sm.Videos],
    easy_recipe: sm.Recipe,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = shutil.copytree(unfinished_run, tmp_path / "run")
    caplog.set_level("INFO", "stillmotion")
    with pytest.raises(StillmotionError, match="not a run"):
        sm.read_run(folder)
    state, best, latest = sorted((folder / "unfinished").iterdir(), key=lambda path: path.suffix + path.name)
    assert (state.name, best.name[:5], latest.name) == ("state.json", "best-", "latest-2.npz")  # and no older ones
    kept = json.loads(state.read_text())["history"]
    resumed = sm.train(easy_recipe, shades[0], shades[1], out=folder)
    assert history(resumed)[:2] == kept
    assert f"{folder}: resumes after epoch 2" in caplog.messages
    assert without_times(resumed) == without_times(easy_run)
    weights = [keras.saving.load_model(run.model_file).get_weights() for run in (resumed, easy_run)]
    for here, there in zip(*weights, strict=True):
        np.testing.assert_array_equal(here, there)
    assert not (folder / "unfinished").exists()


def test_interrupted_after_its_last_epoch_it_is_not_trained_further(unsaved_run: Path, contrary_run: sm.Run) -> None:
    assert history(contrary_run) == json.loads((unsaved_run / "unfinished" / "state.json").read_text())["history"]


@pytest.fixture
def copied_run(easy_run: sm.Run, tmp_path: Path) -> sm.Run:
    """A run that may be changed."""
    return sm.read_run(shutil.copytree(easy_run.folder, tmp_path / "run"))


def test_a_finished_training_is_returned_and_nothing_is_written(
    copied_run: sm.Run, shades: list[sm.Videos], easy_recipe: sm.Recipe
) -> None:
    """It may be in a folder that cannot be written to, so not even a lock is made."""
    (copied_run.folder / ".lock").unlink()
    before = {path: path.stat().st_mtime_ns for path in copied_run.folder.iterdir()}
    for overwrite in (False, True):
        again = sm.train(easy_recipe, shades[0], shades[1], out=copied_run.folder, overwrite=overwrite)
        assert again.record == copied_run.record
    assert {path: path.stat().st_mtime_ns for path in copied_run.folder.iterdir()} == before


@pytest.mark.parametrize("different", ["recipe", "videos", "validation videos"])
def test_another_training_is_refused_and_deleted_only_on_demand(
    different: str, copied_run: sm.Run, shades: list[sm.Videos], easy_recipe: sm.Recipe, quick_recipe: sm.Recipe
) -> None:
    parts, recipe = shades[:2], dataclasses.replace(easy_recipe, epochs=1)
    if different == "videos":
        parts, recipe = [shades[0].only(shades[0][1:]), shades[1]], easy_recipe
    elif different == "validation videos":
        parts, recipe = [shades[0], shades[1].only(shades[1][1:])], easy_recipe
    with pytest.raises(StillmotionError, match="other settings, videos or backbone"):
        sm.train(recipe, *parts, out=copied_run.folder)
    assert sm.read_run(copied_run.folder).record == copied_run.record
    if different == "recipe":
        (copied_run.folder / "predictions.parquet").touch()
        (copied_run.folder / "holiday.mp4").touch()
        again = sm.train(quick_recipe, *parts, out=copied_run.folder, overwrite=True)
        assert finished_training(again).epochs == 1
        assert not again.predictions_file.exists()
        assert (copied_run.folder / "holiday.mp4").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_json_of_another_program_is_refused(
    overwrite: bool, shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text('{"mine": 1}')
    with pytest.raises(StillmotionError, match=r"run\.json: not a run's record"):
        sm.train(easy_recipe, shades[0], shades[1], out=tmp_path, overwrite=overwrite)
    assert (tmp_path / "run.json").read_text() == '{"mine": 1}'


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_is_not_written_over_the_data_set_or_a_comparison(
    overwrite: bool, shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path: Path
) -> None:
    root = shades[0].root
    (tmp_path / "comparison.json").touch()
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    refused = [root, root.parent, tmp_path / "link"]
    for folder, reason in [*((folder, "holds the data set") for folder in refused), (tmp_path, "holds a comparison")]:
        with pytest.raises(StillmotionError, match=reason):
            sm.train(easy_recipe, shades[0], shades[1], out=folder, overwrite=overwrite)
    assert not (root / ".lock").exists() and not (tmp_path / ".lock").exists()


def test_a_training_that_diverges_leaves_no_run_and_can_be_repeated_with_other_settings(
    shades: list[sm.Videos], quick_recipe: sm.Recipe, tmp_path: Path
) -> None:
    diverging = dataclasses.replace(quick_recipe, learning_rate=1e30, epochs=3)
    with pytest.raises(StillmotionError, match=r"training diverged .*; use a smaller learning rate"):
        sm.train(diverging, shades[0], shades[1], out=tmp_path)
    assert not (tmp_path / "run.json").exists()
    sm.train(quick_recipe, shades[0], shades[1], out=tmp_path)


@pytest.mark.parametrize(
    ("losses", "unjudged", "best"),
    [
        ([math.nan, 0.9, 0.8], 0, 3),
        ([math.nan, 0.9, math.nan], 0, 2),
        ([0.9, math.nan, 0.95], 0, 1),
        ([0.9, math.nan, 0.95], 1, 3),
        ([0.9, 0.95, math.nan, 0.97, 0.96], 2, 5),
        ([0.9, 0.95], 2, 2),
        ([0.9, 0.95, math.nan], 2, 2),
    ],
)
def test_an_epoch_without_a_finite_loss_is_never_the_best(
    losses: list[float], unjudged: int, best: int, tmp_path: Path
) -> None:
    state = TrainingState("")
    checkpoints = CheckpointCallback(tmp_path, state, patience=9, seed=0, unjudged=unjudged)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.AdamW(use_ema=True), loss="mse")
    model.optimizer.build(model.trainable_variables)
    for callback in (checkpoints, checkpoints.swap_averaged_weights):
        callback.set_model(model)
    for epoch, loss in enumerate(losses):
        checkpoints.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": 0.5})
    assert state.best_epoch == best


def test_only_one_process_trains_in_a_folder(shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(StillmotionError, match="another stillmotion process is using"):
        sm.train(easy_recipe, shades[0], shades[1], out=tmp_path)


def change_state(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the content of state.json."""
    file = folder / "state.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def truncate(folder: Path, pattern: str) -> None:
    """Cut the file that matches a pattern in half."""
    (file,) = folder.glob(pattern)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def save_other_arrays(folder: Path, pattern: str) -> None:
    """Replace the file that matches a pattern with a single number."""
    (file,) = folder.glob(pattern)
    with file.open("wb") as stream:
        np.savez(stream, np.zeros(3))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("state", lambda folder: (folder / "state.json").write_text("{")),
        ("state", lambda folder: (folder / "state.json").write_text('{"mine": 1}')),
        ("state", lambda folder: change_state(folder, lambda content: content.update(best_epoch=3))),
        ("state", lambda folder: change_state(folder, lambda content: content.update(best_epoch=0))),
        ("state", lambda folder: change_state(folder, lambda content: content["history"][0].pop("val_loss"))),
        ("latest", lambda folder: truncate(folder, "latest-*.npz")),
        ("latest", lambda folder: next(folder.glob("latest-*.npz")).unlink()),
        ("latest", lambda folder: next(folder.glob("latest-*.npz")).write_bytes(b"")),
        ("latest", lambda folder: save_other_arrays(folder, "latest-*.npz")),
        ("best", lambda folder: truncate(folder, "best-*.npz")),
        ("best", lambda folder: next(folder.glob("best-*.npz")).unlink()),
    ],
)
def test_a_damaged_unfinished_training_is_reported_in_one_line(
    file: str,
    damage: Callable[[Path], object],
    unfinished_run: Path,
    shades: list[sm.Videos],
    easy_recipe: sm.Recipe,
    tmp_path: Path,
) -> None:
    unfinished = shutil.copytree(unfinished_run, tmp_path / "run") / "unfinished"
    damage(unfinished)
    with pytest.raises(StillmotionError) as error:
        sm.train(easy_recipe, shades[0], shades[1], out=tmp_path / "run")
    assert re.fullmatch(
        rf".*{file}[-\w]*\.\w+: cannot be read; delete {re.escape(str(unfinished))} to train again", str(error.value)
    )


def test_no_video_is_both_learned_from_and_validated_on(
    shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path: Path
) -> None:
    both = shades[1].only([*shades[1], *shades[0][:2]])
    with pytest.raises(StillmotionError, match="2 videos are in the train part and in the validation part"):
        sm.train(easy_recipe, shades[0], both, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_validation_part_in_another_folder_is_found_again(
    shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files may be called as those of the train part are."""
    elsewhere = shutil.copytree(shades[0].root, tmp_path / "videos")
    identify = Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr("stillmotion.training.fitting.identify_training", identify)
    with pytest.raises(KeyboardInterrupt):
        sm.train(easy_recipe, shades[0], sm.Videos(elsewhere, shades[0].items), out=tmp_path / "run")
    data = identify.call_args.args[1]
    part = data.part("validation")
    assert [part.file(video).resolve() for video in part] == [elsewhere / video.path for video in shades[0]]
    assert data.shared_groups("train", "validation") == ()


def test_labels_have_to_agree_and_videos_to_be_readable(
    shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    broken = sm.Videos(tmp_path, (sm.Video("broken.mp4", "dark"), sm.Video("broken.mp4", "bright")))
    unknown = shades[1].only([dataclasses.replace(video, label="gray") for video in shades[1]])
    with pytest.raises(StillmotionError, match="'gray' is in the validation part but not in the train part"):
        sm.train(easy_recipe, shades[0], unknown, out=tmp_path / "run")
    with pytest.raises(StillmotionError, match=r"no readable video in the validation part: .*broken\.mp4"):
        sm.train(easy_recipe, shades[0], broken, out=tmp_path / "run")
    with pytest.raises(StillmotionError, match="no readable video in the train part"):
        sm.train(easy_recipe, broken, shades[1], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_progress_counts_the_steps_and_reports_the_last_epoch(
    shades: list[sm.Videos], quick_recipe: sm.Recipe, tmp_path: Path
) -> None:
    """And a file that cannot be read is skipped."""
    reports: list[tuple[str, int, int, dict[str, float]]] = []

    def report(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        reports.append((stage, done, total, dict(figures)))

    recipe = dataclasses.replace(quick_recipe, epochs=2)
    videos = sm.Videos(shades[0].root, (*shades[0], sm.Video("nowhere.mp4", "dark")))
    run = train(recipe, videos, shades[1], out=tmp_path, progress=report)
    training = [(done, total, figures.get("epoch")) for stage, done, total, figures in reports if stage == "training"]
    assert training == [
        (1, 6, None), (2, 6, None), (3, 6, None), (3, 6, 1), (4, 6, 1), (5, 6, 1), (6, 6, 1), (6, 6, 2),
    ]  # fmt: skip
    assert reports[-1][3]["val_loss"] == pytest.approx(history(run)[-1]["val_loss"])
    assert [name for name, _ in run.record.data.skipped] == ["nowhere.mp4"]
    assert len(run.record.data.part("train")) == len(shades[0])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's registry of gradients")
def test_the_graphs_of_a_training_are_released(
    shades: list[sm.Videos], quick_recipe: sm.Recipe, tmp_path: Path
) -> None:
    from tensorflow.python.framework.func_graph import FuncGraph

    def count_graphs() -> int:
        keras.utils.clear_session()
        gc.collect()
        return sum(isinstance(thing, FuncGraph) and thing.name == "one_step_on_data" for thing in gc.get_objects())

    before = count_graphs()
    sm.train(quick_recipe, shades[0], shades[1], out=tmp_path)
    assert count_graphs() <= before
