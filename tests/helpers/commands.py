"""Runs the command in a process of its own, as a user does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = "import sys; from stillmotion.cli import main; sys.argv[0] = 'stillmotion'; main()"


def run_command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `stillmotion` with these words."""
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )


def assert_refused(status: int, message: str, *words: str | Path) -> None:
    """The command ends with this status, and its last line on standard error holds the message."""
    result = run_command(*words)
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    assert message in result.stderr.splitlines()[-1], result.stderr
