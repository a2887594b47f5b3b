"""What the terminal shows while a command works, and when it is interrupted."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time

import pytest

from stillmotion.cli import console
from stillmotion.cli.model_view import ModelView
from stillmotion.models.cards import InputCard, ModelCard
from stillmotion.progress import Progress, TaskStage


def test_without_a_terminal_progress_is_an_occasional_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with console.bar("conv3d") as progress:
        progress("training", 1, 90)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(console, "LINE_INTERVAL_SECONDS", 0.0)
    with console.bar("conv3d") as progress:
        progress("training", 3, 90, {"epoch": 2, "val_accuracy": 0.5, "val_loss": 0.7})
    assert capsys.readouterr().err == "conv3d training: 3 of 90, epoch 2: validation 50%, loss 0.700\n"


def test_whatever_a_model_lacks_is_asked_for_by_its_option() -> None:
    missing = ModelCard(model="m.keras", kind="image", inputs=(InputCard(name="x", shape=(), dtype="float32"),)).missing
    assert {"outputs", "input_range", "channels", "frames", "size", "inputs"} == set(missing)
    for name in missing:
        assert console.as_options(f"give `{name}`") == f"give --{name.replace('_', '-')}"


def report_two_tasks(progress: Progress) -> None:
    """A finished task, and two that are at work."""
    for title in ("first", "second", "third"):
        progress(TaskStage(title, ""), 0, 1)
        progress(TaskStage(title, "decoding"), 7, 8)
    progress(TaskStage("first", "training"), 3, 90, {"epoch": 2, "val_accuracy": 0.5, "val_loss": 0.7})
    progress(TaskStage("second", ""), 1, 1)
    progress("all tasks", 1, 3)


def test_each_task_at_work_has_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with console.bar() as progress:
        report_two_tasks(progress)
        monkeypatch.setattr(console, "LINE_INTERVAL_SECONDS", 0.0)
        progress("all tasks", 1, 3)
    assert capsys.readouterr().err.splitlines() == [
        "first training: 3 of 90, epoch 2: validation 50%, loss 0.700",
        "third decoding: 7 of 8",
        "all tasks: 1 of 3",
    ]


def test_each_task_at_work_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = console.SafeConsole(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(console, "err", terminal)
    with console.bar() as progress:
        assert isinstance(progress, console.ProgressBars)
        report_two_tasks(progress)
        bars = [(task.description, task.completed, task.total) for task in progress.progress.tasks]
    assert bars == [("all tasks", 1, 3), ("first training", 3, 90), ("third decoding", 7, 8)]


def test_a_note_is_a_single_line_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("a\n\tlabel\x1b[31m")
    assert capsys.readouterr().err == "a\\n\\tlabel\\x1b[31m\n"


@pytest.mark.backend
def test_a_note_is_printed_above_a_live_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal; elsewhere on standard error."""
    from stillmotion.prediction import StreamStats

    screen, errors = io.StringIO(), io.StringIO()
    terminal = console.SafeConsole(file=screen, force_terminal=True, width=60, highlight=False)
    for is_terminal in (True, False):
        monkeypatch.setattr(
            console, "err", console.SafeConsole(file=errors, force_terminal=is_terminal, highlight=False)
        )
        console.note("before")
        with ModelView("a.mp4", ("a", "b"), StreamStats(), terminal):
            console.note(f"during {is_terminal}")
    assert errors.getvalue() == "before\nbefore\nduring False\n"
    assert "during True\n" in screen.getvalue() and screen.getvalue().index("during") < screen.getvalue().rindex(
        "a.mp4"
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
@pytest.mark.parametrize("busy", ["gc.collect()", "hashlib.pbkdf2_hmac('md5', b'', b'', 1_500_000)"])
def test_an_interrupt_is_noticed_wherever_it_comes(busy: str) -> None:
    """In the garbage collector's callbacks exceptions are dropped; Python's handlers wait for C code."""
    code = (
        "import gc, hashlib, time\n"
        "from stillmotion.cli import signals\n"
        "signals.NOTICE_SECONDS = 0\n"
        "signals.handle_interrupts()\n"
        "gc.callbacks.append(lambda phase, info: time.sleep(0.5))\n"
        "print('busy', flush=True)\n"
        f"try:\n {busy}\n time.sleep(20)\n"
        "except KeyboardInterrupt: print('ended')\n"
    )
    work = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert work.stdout and work.stdout.readline() == "busy\n"
    time.sleep(0.2)
    work.send_signal(signal.SIGINT)
    output, errors = work.communicate(timeout=15)
    assert (output, errors) == ("ended\n", "stopping...\n")
