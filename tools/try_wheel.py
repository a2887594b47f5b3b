"""Use a built wheel as its user would; `make dist` runs it.

    python tools/try_wheel.py dist/stillmotion-0.1.0-py3-none-any.whl

The wheel is installed alone in an empty virtual environment, outside the source tree, and compares models on a few
rendered videos there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP_INSTALL = ["-m", "pip", "install", "--quiet", "--no-compile"]
COMPARE = ["--families", "frame_pool,conv3d", "--frames", "4", "--size", "32", "--epochs", "1"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Install a wheel in an empty environment and use it there.")
    parser.add_argument("wheel", type=Path)
    wheel = parser.parse_args().wheel.resolve()
    check_contents(wheel)
    with tempfile.TemporaryDirectory(prefix="stillmotion-wheel-") as folder:
        try_wheel(wheel, Path(folder).resolve())


def check_contents(wheel: Path) -> None:
    """Every file of the package is in the wheel: modules, templates, styles, scripts, stubs and py.typed."""
    source = ROOT / "src"
    expected = {
        file.relative_to(source).as_posix()
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    if packed != expected:
        missing, unexpected = sorted(expected - packed), sorted(packed - expected)
        sys.exit(f"{wheel.name}: missing {missing}, unexpected {unexpected}")
    print(f"{wheel.name}: all {len(packed)} files of the package")


def try_wheel(wheel: Path, folder: Path) -> None:
    # Nothing of the caller's environment may lead to the source tree.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment["STILLMOTION_CACHE"] = str(folder / "cache")

    def run(*command: str | Path) -> str:
        start = time.perf_counter()
        finished = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8", errors="replace"
        )
        if finished.returncode:
            sys.exit(f"{finished.stdout}\nexit status {finished.returncode}: {' '.join(map(str, command))}")
        print(f"{time.perf_counter() - start:5.1f} s  {' '.join(map(str, command))}", flush=True)
        return finished.stdout

    run(sys.executable, "-m", "venv", "venv")
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python, stillmotion = scripts / "python", scripts / "stillmotion"
    constraints = ROOT / "constraints.txt"
    run(python, *PIP_INSTALL, "--constraint", constraints, f"{wheel}[tensorflow]")
    imported = Path(run(python, "-c", "import stillmotion; print(stillmotion.__file__)").strip())
    if not imported.is_relative_to(folder):
        sys.exit(f"{imported} was imported, which is not the wheel's")
    run(stillmotion, "make-demo-data", "videos", "--kind", "motion", "--videos", "24")
    run(stillmotion, "compare", "videos", "--out", "comparison", *COMPARE)
    report, record = folder / "comparison" / "report.html", folder / "comparison" / "comparison.json"
    if "</html>" not in report.read_text(encoding="utf-8"):
        sys.exit("report.html is not complete")
    if "verdict" not in json.loads(record.read_text(encoding="utf-8")):
        sys.exit("comparison.json has no verdict")
    print("The wheel works: report.html and comparison.json are there.")


if __name__ == "__main__":
    main()
