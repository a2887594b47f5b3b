"""What compare looks at once the verdict is there, with controlled counterparts, from training to the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import stillmotion as sm
from stillmotion.cli.closer import look_closer
from stillmotion.cli.rounds import Plan, run_plan

pytestmark = pytest.mark.backend


def test_plan_and_closer_look(moving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillmotion.prediction.measure_memory", lambda run: 321.0)
    videos = sm.read_videos(moving)
    folds = [sm.split(videos, (0.6, 0.2, 0.2))]
    spec = sm.ClipSpec(frames=4, size=16)
    recipes = [sm.make_recipe(name, spec=spec, epochs=1, batch_size=8) for name in ("frame_pool", "cnn_rnn")]
    runs, given = run_plan(Plan(recipes, range(1), tmp_path), folds)
    assert given["cnn_rnn"] == [{"effort": "quick", "minutes": None, "epochs": 1, "trials": []}]
    comparison = sm.compare(runs, relative_to=tmp_path)
    assert comparison.verdict is not None
    comparison = replace(comparison, verdict=replace(comparison.verdict, answer="motion needed"))
    plan = Plan(recipes, range(1), tmp_path, effort="standard")
    closer = look_closer(comparison, runs, plan, videos)
    assert closer.evidence is not None
    assert [one.name for one in closer.evidence.retrained] == ["shuffled", "frozen"]
    assert closer.evidence.tampered[0].name == "as it is"
    steadiness = closer.evidence.steadiness or {}
    assert {family: one.videos for family, one in steadiness.items()} == dict.fromkeys(
        ("frame_pool", "cnn_rnn"), len(folds[0][2])
    )
    assert closer.evidence.moment is not None
    assert closer.families["cnn_rnn"].figures["peak_megabytes"] == 321.0
    assert len(closer.shortcuts) == 5
    control = sm.read_run(tmp_path / "controls" / "cnn_rnn-seed0-frozen")
    assert control.recipe.spec.order == "frozen"
    looking = sm.read_run(tmp_path / "controls" / "frame_pool-seed0-max")
    assert looking.recipe.options["pool"] == "max"
    assert closer.evidence.looking is not None
    assert closer.evidence.looking.accuracy == sm.read_predictions(looking.predictions_file).right.mean()
    sm.write_comparison(closer, tmp_path)
    assert sm.read_comparison(tmp_path) == closer
    page = sm.write_report(tmp_path).read_text(encoding="utf-8")
    assert "Needs: trained and tested on" in page
