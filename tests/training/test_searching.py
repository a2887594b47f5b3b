"""The search: alike for every family, on the validation part, and taken up again where it stopped."""

import pytest

import stillmotion as sm
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
