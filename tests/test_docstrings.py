"""Every public name has an example, and it runs. What takes long has a stand-in, which checks how it is called."""

from __future__ import annotations

import doctest
import inspect
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stillmotion as sm
from helpers.comparisons import fabricate
from helpers.media import noise, write_video
from helpers.streams import write_light_model
from helpers.training import separate_cache, write_untrained_run
from stillmotion.anomaly import Alarm

pytestmark = pytest.mark.backend
NAMES = [name for name in sm.__all__ if inspect.isclass(getattr(sm, name)) or inspect.isfunction(getattr(sm, name))]  # type: ignore[attr-defined]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(getattr(sm, name)) or "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    for data, recordings in (("clips", 6), ("test-clips", 1)):
        for number in range(2 * recordings):
            label = ("left", "right")[number % 2]
            write_video(folder / data / label / f"rec{number // 2}.mp4", noise(4, 16, 16, seed=number))
    write_video(folder / "new.mp4", noise(8, 16, 16))
    (folder / "stills").mkdir()
    Image.fromarray(noise(1, 16, 16)[0]).save(folder / "stills" / "a.png")
    (folder / "notes.txt").write_text("no video")
    with separate_cache(folder / "cache"):
        spec = sm.ClipSpec(frames=4, rate=10, size=16)
        for name, family in (("still", "frame_pool"), ("motion", "conv3d")):
            run = write_untrained_run(folder / "runs" / name, family, spec, ("left", "right"))
            sm.evaluate(run, folder / "test-clips", cost=False)
    write_light_model(folder / "model.keras")
    for name, right in (("still", (1, 0)), ("motion", (1, 1))):
        rows = [
            f"{number}.mp4,{label},g{number},{probability},{1 - probability}"
            for number in range(4)
            for label in [("left", "right")[number % 2]]
            for probability in [right[number // 2] if label == "left" else 1 - right[number // 2]]
        ]
        (folder / f"{name}.csv").write_text("video,label,group,prob_left,prob_right\n" + "\n".join(rows))
    fabricate(folder / "comparison", skill={"frame_pool": 0.3, "conv3d": 0.95}, encoded=0)
    return folder


def stand_in(function: Callable[..., Any], result: Any) -> Callable[..., Any]:
    def call(*words: object, **given: object) -> Any:
        bound = inspect.signature(function).bind(*words, **given).arguments
        if given.get("cancel"):
            raise sm.CancelledError("canceled")
        return result(bound) if callable(result) else result

    return call


SIMULATION = SimpleNamespace(
    verdict=SimpleNamespace(
        answer="motion needed",
        sentence="Motion is needed: look alone finds 35% of the simulated faults, look and motion together find 80%: "
        "45 points more (95 % interval 36 to 54).",
    )
)


@pytest.fixture
def names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the examples are run with."""
    import keras

    monkeypatch.chdir(folder)
    run, comparison = sm.read_run("runs/motion"), sm.read_comparison("comparison")
    audit = SimpleNamespace(causes=(), model=SimpleNamespace(labels=("left", "right")))
    features = sm.FrameFeatures(np.zeros(2), np.zeros((2, 7, 7, 3), np.float16), np.zeros((2, 1280), np.float16))
    detector = SimpleNamespace(record=SimpleNamespace(keeps_promise=False, promise="1/hour", expected_per_hour=5.7))
    grown = SimpleNamespace(record=SimpleNamespace(expected_per_hour=4.3))
    tested = sm.DetectorEvaluation((), (), 0, 0.5, None, {})
    for name, result in {
        "train": run, "run_training": run, "run_comparison": comparison, "audit_model": audit, "read_audit": audit,
        "export_model": SimpleNamespace(max_difference=0.0), "convert_model": None, "extract_features": None,
        "build_backbone": SimpleNamespace(predict=lambda pictures: (0, 0)), "cached_features": features,
        "fit_anomaly_detector": detector, "load_detector": detector,
        "stream_alarms": SimpleNamespace(alarms=[Alarm(2.0, 2.5, 3.0, "motion", 2.0)]),
        "predict_archive": sm.ArchiveResult("predictions", 12, 12, 0, ()),
        "score_source": [sm.Score(2.5, 2.0, 0.0, 2.0, 0.1, (3, 4))],
        "add_normal_footage": sm.AddedFootage(grown, ("a.mp4", "b.mp4")),  # type: ignore[arg-type]
        "acknowledge_alarm": sm.AddedFootage(grown, remembered=("clip.mp4",)),  # type: ignore[arg-type]
        "evaluate_detector": tested, "read_detector_evaluation": tested,
        "simulate_faults": SIMULATION, "read_simulation": SIMULATION, "write_anomaly_report": Path("report.html"),
        "make_anomaly_data": lambda bound: [None] * 2 * bound["minutes"],
        "find_shortcuts": [], "make_demo_data": lambda bound: [None] * bound["videos"],
    }.items():  # fmt: skip
        monkeypatch.setattr(sm, name, stand_in(getattr(sm, name), result))
    # Its check, which takes seconds, is tested elsewhere.
    monkeypatch.setattr("stillmotion.prediction.window_predictor.stream_model", partial(sm.stream_model, check=False))
    return {"sm": sm, "np": np, "keras": keras, "Path": Path, "threading": threading, "pictures": noise(2, 16, 16)}


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name: str) -> None:
    assert examples(name) or "Example:" in (inspect.getdoc(getattr(sm, name)) or "")


@pytest.mark.parametrize("name", NAMES)
def test_the_example_runs(name: str, folder: Path, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    test = doctest.DocTest(examples(name), names, name, None, None, None)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(test, out=said.append)
    assert not said, "".join(said)
