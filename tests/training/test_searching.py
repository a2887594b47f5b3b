"""The search: alike for every family, on the validation part, and taken up again where it stopped."""

import pytest

import stillmotion as sm
from stillmotion.cli import rounds
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.training import EFFORTS, Change, apply_change, epochs_within, search


pytestmark = pytest.mark.backend
SPEC = sm.ClipSpec(frames=4, size=16)


def recipe(rate="spread", epochs=2):
    spec = sm.ClipSpec(frames=4, rate=rate, size=16)
    return sm.make_recipe("frame_pool", spec=spec, epochs=epochs, batch_size=8)


def test_changes():
    more = apply_change(Change("", frames=2), recipe(rate=8.0)).spec
    assert (more.frames, more.rate) == (8, 16.0)  # the same seconds
    assert apply_change(Change("", rate=2), recipe(rate=8.0)).spec.rate == 16.0
    assert apply_change(Change("", rate=2), recipe()) == recipe()  # spread has no rate
    assert apply_change(Change("", crop=5), recipe()).augment.crop == 0.5
    assert apply_change(Change("", frames=2), recipe(epochs=9)).epochs == 9
    assert (
        apply_change(Change("", frames=2), recipe(epochs=9), equal_time=True).epochs == 4
    )  # as long as 9 of half the frames


def test_search_and_time(moving, tmp_path):
    parts = sm.split(sm.read_videos(moving), (0.6, 0.2, 0.2))
    best, trials = search(recipe(), parts[0], parts[1], effort="standard", out=tmp_path)
    assert [trial.name for trial in trials] == [change.name for change in EFFORTS["standard"]]
    assert [trial.epochs for trial in trials] == [1] * 4
    (chosen,) = (trial for trial in trials if trial.chosen)
    assert chosen.validation_accuracy == max(trial.validation_accuracy for trial in trials)
    assert (best.learning_rate, best.spec.frames, best.epochs) == (chosen.learning_rate, chosen.frames, 2)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.keras")}
    assert search(recipe(), parts[0], parts[1], effort="standard", out=tmp_path) == (best, trials)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.keras")} == before
    with pytest.raises(StillmotionError, match="overwrite"):
        search(recipe(epochs=8), parts[0], parts[1], effort="standard", out=tmp_path)
    anew = search(recipe(epochs=8), parts[0], parts[1], effort="standard", out=tmp_path, overwrite=True)[1]
    assert [trial.epochs for trial in anew] == [2] * 4
    few = epochs_within(0.0, recipe(), parts[0], parts[1], out=tmp_path / "timing")
    many = epochs_within(1e9, recipe(), parts[0], parts[1], out=tmp_path / "timing")
    assert (few, many) == (2, 400)
    with pytest.raises(UsageError, match="effort 'mad'"):
        search(recipe(), parts[0], parts[1], effort="mad", out=tmp_path)


def test_a_still_model_averages_over_as_many_frames():
    still, motion = recipe(), sm.make_recipe("conv3d", spec=sm.ClipSpec(frames=8, size=16))
    assert rounds._as_many_frames(still, [still, motion], even=False).spec.frames == 8
    assert rounds._as_many_frames(motion, [still, motion], even=False) == motion
    assert rounds._as_many_frames(recipe(epochs=6), [still, motion], even=True).epochs == 3


def test_minutes_are_shared_by_all_that_is_trained():
    """Of 100 minutes in 2 folds: 3 families of 2 seeds and 4 quarter trials each, and 3 controls: 12."""
    recipes = [recipe(), recipe(), recipe()]
    seconds, starts = rounds._share(rounds.Plan(recipes, range(2), None, "standard", 100.0), 2)
    assert seconds == pytest.approx(60 * 100 / 2 / (3 * 3 + 3))
    assert starts == pytest.approx(6 / 3)
    assert rounds._share(rounds.Plan(recipes, range(1), None, "quick", 3.0), 1) == (60.0, 1.0)
