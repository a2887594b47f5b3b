"""stillmotion verdict: quick, without a backend, one clear line for whatever is wrong."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import stillmotion as sm
from helpers.commands import run_command

CODE = (
    "import sys; from stillmotion.cli import main; sys.argv[0] = 'stillmotion'\n"
    "try: main()\n"
    "finally: print(sorted({'keras', 'tensorflow', 'jax', 'torch', 'sklearn'} & set(sys.modules)), file=sys.stderr)"
)


def table(path: Path, right: list[bool]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "group", "label", "prob_jam", "prob_run"])
        for i, good in enumerate(right):
            jam = 0.9 if good == (i % 2 == 0) else 0.1
            writer.writerow([f"{i}.mp4", f"g{i // 2}", ("jam", "run")[i % 2], jam, 1 - jam])
    return path


def test_the_verdict_is_printed_and_imports_no_backend(tmp_path: Path) -> None:
    still, motion = table(tmp_path / "s.csv", [False] * 60), table(tmp_path / "m.csv", [True] * 60)
    words = [sys.executable, "-c", CODE, "verdict", str(still), str(motion)]
    result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    guessing, answer, sentence, *_ = result.stdout.splitlines()
    assert (
        guessing == "Better than guessing, which is right in 50 % of the test videos: m. Not significantly better: s."
    )
    assert answer == "motion needed"
    assert sentence.startswith("Motion is needed: the motion model m gets 100 %")
    assert result.stderr.splitlines()[-1] == "[]"


def test_json_is_the_verdict_of_comparison_json(tmp_path: Path) -> None:
    still, motion = table(tmp_path / "s.csv", [i % 3 > 0 for i in range(60)]), table(tmp_path / "m.csv", [True] * 60)
    result = run_command("verdict", still, motion, "--margin", "0.1", "--metric", "balanced", "--sequential", "--json")
    comparison = sm.compare_tables([still, motion], margin=0.1, metric="balanced", sequential=True)
    sm.write_comparison(comparison, tmp_path / "out")
    assert json.loads(result.stdout) == json.loads((tmp_path / "out/comparison.json").read_text())["verdict"]


def test_labels_do_not_steer_the_terminal(tmp_path: Path) -> None:
    files = [table(tmp_path / "s.csv", [False] * 60), table(tmp_path / "m.csv", [True] * 60)]
    for file in files:
        file.write_text(file.read_text().replace("jam", "\x1b[31mjam"))
    result = run_command("verdict", *files)
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert r"\x1b[31mjam" in result.stdout


def test_what_is_wrong_is_one_line_and_a_status(tmp_path: Path) -> None:
    still, short = table(tmp_path / "s.csv", [True] * 60), table(tmp_path / "m.csv", [True] * 59)
    for status, says, words in (
        (1, "different videos: 1 differ (59.mp4)", (still, short)),
        (2, "none.csv: no such file", (still, tmp_path / "none.csv")),
        (2, "given twice", (still, still)),
        (2, "standard input is not read", (still, "-")),
        (1, "File name too long", (still, tmp_path / ("x" * 300))),
        (2, "a folder; give a table", (tmp_path, still)),
    ):
        result = run_command("verdict", *words)
        assert result.returncode == status
        assert "Traceback" not in result.stderr
        (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
        assert says in line
