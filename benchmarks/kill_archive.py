"""Kill the driver and the workers of an archive run at random, again and again, and look whether anything is lost.

    python benchmarks/kill_archive.py MODEL ARCHIVE --out FOLDER [--kills 20] [--on processes:2] [--seed 0]

The archive is predicted twice: undisturbed, and with processes of it killed by SIGKILL at random times, after which the
same command is run again if it was the driver that died. Both must give the same table: each file once, with the same
rows up to rounding. Of two runs, windows are in other batches, in which a backend may add numbers up in another order.
On Ray, all processes of a cluster that the command started can be killed: actors, the raylet, the store. Linux only.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.dataset as ds

Rows = dict[tuple[str, str], dict[str, object]]


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found: list[int] = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        threads = [path.name for path in Path(f"/proc/{pid}/task").iterdir() if path.name != str(pid)]
        for thread in threads:
            children += Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
    except OSError:  # It has ended.
        return found
    for child in map(int, children):
        found += [child, *descendants(child)]
    return found


def disturb(command: Sequence[str], kills: int, seed: int, *, pause: tuple[float, float]) -> list[str]:
    """Run a command until it ends by itself, and meanwhile kill it and its processes.

    Args:
        command: is run again whenever it, or a process of it, was killed, unless it succeeds or its usage is wrong.
        kills: how many, at most.
        seed: of the times and the victims.
        pause: seconds between kills: the shortest and the longest.

    Returns:
        What was killed, "driver" or "worker" each, and the status of the command that was the last.
    """
    chance = random.Random(seed)
    killed: list[str] = []
    driver, hurt = subprocess.Popen(command), False
    while True:
        try:
            status = driver.wait(chance.uniform(*pause))
        except subprocess.TimeoutExpired:
            if len(killed) < kills:
                others = descendants(driver.pid)
                victim = driver.pid if not others or chance.random() < 0.5 else chance.choice(others)
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:  # It has ended by itself.
                    continue
                killed.append("driver" if victim == driver.pid else "worker")
                hurt = True
            continue
        # It is done, perhaps before all kills: then the archive is too small for so many. Status 1 says that some file
        # has no predictions, but also that the raylet was killed: only one of an undisturbed run means that it is done.
        if status in (0, 2) or not hurt:
            return [*killed, str(status)]
        driver, hurt = subprocess.Popen(command), False


def read_rows(out: Path) -> Rows:
    """The rows of an archive, by video and window. Raises AssertionError if there is one twice."""
    table = ds.dataset(out / "predictions", format="parquet").to_table()
    rows = {(row["video"], row["window"]): row for row in table.to_pylist()}
    assert len(rows) == table.num_rows, f"{table.num_rows - len(rows)} rows are there twice"
    return rows


def difference(first: Rows, second: Rows) -> float:
    """The largest difference of two numbers. Raises AssertionError if there are other rows, or other texts in them."""
    assert first.keys() == second.keys(), f"other rows: {sorted(first.keys() ^ second.keys())[:5]}"
    largest = 0.0
    for place, row in first.items():
        for name, cell in row.items():
            other = second[place][name]
            if isinstance(cell, float) and isinstance(other, float):
                largest = max(largest, abs(cell - other))
            else:
                assert cell == other, f"{place}, {name}: {cell} and {other}"
    return largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("archive")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--on", default="processes:2")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, nargs=2, default=(2.0, 20.0), help="seconds between kills")
    chosen = parser.parse_args()

    def command(out: Path) -> list[str]:
        words = ["predict", chosen.model, chosen.archive, "--out", f"{out}/", "--on", chosen.on]
        return [sys.executable, "-m", "stillmotion", *words]

    began = time.monotonic()
    subprocess.run(command(chosen.out / "undisturbed"), check=False)
    undisturbed = read_rows(chosen.out / "undisturbed")
    seconds = time.monotonic() - began
    killed = disturb(command(chosen.out / "disturbed"), chosen.kills, chosen.seed, pause=tuple(chosen.pause))
    largest = difference(undisturbed, read_rows(chosen.out / "disturbed"))
    print(
        f"{len({video for video, _ in undisturbed})} files, {len(undisturbed)} rows, {seconds:.0f} s undisturbed; "
        f"killed: {killed.count('driver')} drivers, {killed.count('worker')} other processes; "
        f"the same rows, largest difference {largest:.1e}"
    )


if __name__ == "__main__":
    main()
