"""Runs the command in a process of its own, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "stillmotion"]


def _environment() -> dict[str, str]:
    """The test's own environment, such as its cache folder, without colors."""
    return {**os.environ, "NO_COLOR": "1"}


def run_command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `stillmotion` with these words."""
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=240, check=False, env=_environment()
    )


def start_command(*words: str | Path) -> subprocess.Popen[str]:
    """Start `stillmotion` with these words, to be stopped or waited for."""
    return subprocess.Popen(
        [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    )


def assert_refused(status: int, message: str, *words: str | Path) -> None:
    """The command ends with this status, and its last line on standard error holds the message."""
    result = run_command(*words)
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    assert message in result.stderr.splitlines()[-1], result.stderr
