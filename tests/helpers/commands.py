"""Runs the command: in this process, where a backend is loaded once, or in one of its own, as a user does."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from stillmotion import cli

COMMAND = [sys.executable, "-m", "stillmotion"]


def run_command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `stillmotion` with these words in this process, which keeps its own handling of Ctrl-C."""
    arguments = ["stillmotion", *map(str, words)]
    stdout, stderr, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.setattr(sys, "argv", arguments)
        patch.setattr(sys, "stdin", io.StringIO())
        patch.setattr(cli, "handle_interrupts", lambda: None)
        try:
            cli.main()
        except SystemExit as end:
            assert end.code is None or isinstance(end.code, int)
            status = end.code or 0
    return subprocess.CompletedProcess(arguments, status, stdout.getvalue(), stderr.getvalue())


def start_command(*words: str | Path) -> subprocess.Popen[str]:
    """Start `stillmotion` with these words in a process of its own, to be stopped or waited for."""
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def assert_refused(status: int, message: str, *words: str | Path) -> None:
    """The command ends with this status, and its last line on standard error holds the message."""
    result = run_command(*words)
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    assert message in result.stderr.splitlines()[-1], result.stderr
