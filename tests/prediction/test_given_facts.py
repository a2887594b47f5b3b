"""A run is fed as it was trained: what is said of it otherwise is refused, in every command and function alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import stillmotion as sm
from helpers.commands import assert_refused
from helpers.media import noise, write_video
from stillmotion.audit import audit_model
from stillmotion.cli.model_facts import Facts, takes_facts
from stillmotion.errors import UsageError
from stillmotion.models.cards import InputCard, ModelCard
from stillmotion.models.given_facts import GivenFacts
from stillmotion.prediction import convert_model, describe_model, export_model, load_clip_model

pytestmark = pytest.mark.backend
FACTS: dict[str, tuple[str, Any]] = {
    "input_range": ("0..1", "0..1"),
    "channels": ("bgr", "bgr"),
    "frames": ("8", 8),
    "rate": ("5", 5.0),
    "size": ("32", 32),
    "framing": ("crop", "crop"),
    "labels": ("a,b", "a,b"),
    "outputs": ("logits", "logits"),
    "inputs": ("input=frames", {"input": "frames"}),
    "custom_objects": ("json", "json"),
}
REFUSED = "a run is fed as it was trained; do not give"
CARD = ModelCard(model="m", kind="clip", inputs=(InputCard(name="x", shape=(4, 16, 16, 3), dtype="uint8"),))


def test_a_command_reads_every_fact() -> None:
    """There is an option for each, but for the card; without it, nothing is said."""
    assert {*FACTS, "unsafe"} == {field.name for field in dataclasses.fields(GivenFacts)} - {"card"}
    read: list[Facts] = []

    @takes_facts(without="outputs")
    def command(path: Path, *, facts: Facts) -> None:
        read.append(facts)

    app = typer.Typer()
    app.command()(command)
    values = {name: value for name, (_, value) in FACTS.items() if name != "outputs"}
    words = [word for name in values for word in ("--" + name.replace("_", "-"), FACTS[name][0])]
    assert [CliRunner().invoke(app, ["m", *given]).exit_code for given in ([], [*words, "--unsafe"])] == [0, 0]
    assert read == [{**dict.fromkeys(values), "unsafe": False}, {**values, "unsafe": True}]


@pytest.mark.parametrize("command", ["evaluate", "predict", "stream", "export", "describe", "convert", "audit"])
def test_commands_refuse_facts_of_a_run(motion_run: sm.Run, tmp_path: Path, command: str) -> None:
    video = write_video(tmp_path / "video.mp4", noise(4))
    words = {"convert": [tmp_path / "new.keras"], "evaluate": [], "export": [], "describe": []}.get(command, [video])
    for name, (text, _) in FACTS.items():
        if (command, name) != ("audit", "inputs"):
            option = "--" + name.replace("_", "-")
            assert_refused(2, f"{REFUSED} {option}", command, motion_run.folder, *words, option, text)
    assert_refused(2, "give --frames, --size", command, motion_run.folder, *words, "--size", "32", "--frames", "8")


@pytest.mark.parametrize(
    "call",
    [
        lambda run, out, **facts: describe_model(run, **facts),
        lambda run, out, **facts: load_clip_model(run, **facts),
        lambda run, out, **facts: export_model(run, "onnx", out, **facts),
        lambda run, out, **facts: convert_model(run, out / "m.keras", facts=facts),
        lambda run, out, inputs=(), **facts: audit_model(run, [out], **(facts or {"frames": 8})),
        lambda run, out, inputs=(), **facts: audit_model(run / "model.keras", [out], **(facts or {"frames": 8})),
    ],
)
def test_functions_refuse_facts_of_a_run(motion_run: sm.Run, tmp_path: Path, call: Callable[..., Any]) -> None:
    for name, (_, value) in FACTS.items():
        with pytest.raises(UsageError, match=REFUSED):
            call(motion_run.folder, tmp_path, **{name: value})


def test_a_run_takes_no_other_card(motion_run: sm.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillmotion.prediction.videos.frozen_backbone", lambda recipe: "one whose features are kept")
    video = write_video(tmp_path / "video.mp4", noise(4))
    for predictions in (
        sm.predict(motion_run, video, card=CARD),
        sm.predict(motion_run, video, card=CARD, cache=True),
        sm.stream(motion_run, video, card=CARD),
    ):
        with pytest.raises(UsageError, match=f"{REFUSED} `card`"):
            next(predictions)


def test_a_rate_is_for_streams_of_runs_whose_clips_were_spread(still_run: sm.Run, motion_run: sm.Run) -> None:
    """They have no other way to tell how long a window is."""
    assert load_clip_model(still_run, rate=5).streaming_rate == 5
    assert load_clip_model(motion_run, unsafe=True).streaming_rate == 10
    for command in ("export", "describe", "evaluate"):
        assert_refused(2, f"{REFUSED} --rate", command, still_run.folder, "--rate", "5")


def test_snapshots_measure_nothing_of_a_run(motion_run: sm.Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="do not give `snapshots`"):
        load_clip_model(motion_run.folder, snapshots=tmp_path)
    assert_refused(2, "do not give --snapshots", "evaluate", motion_run.folder, "--snapshots", tmp_path)
