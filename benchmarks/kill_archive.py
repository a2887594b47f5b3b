"""Kill the driver and the workers of an archive run at random, again and again, and look whether anything is lost.

    python benchmarks/kill_archive.py MODEL ARCHIVE --out FOLDER [--kills 20] [--on processes:2 | --nodes 2] [--seed 0]

The archive is predicted twice: undisturbed, and with processes of it killed by SIGKILL at random times, after which the
same command is run again if it was the driver that died. Both must give the same table: each file once, with the same
rows up to rounding. Of two runs, windows are in other batches, in which a backend may add numbers up in another order.
On Ray, all processes of a cluster that the command started can be killed: actors, the raylet, the store. `--nodes`
starts a cluster of one-core nodes, and uses it by its address: then drivers, actors and whole nodes are killed. A new
node takes the place of one that was killed, and the head stays. Linux only.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Self

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


class Cluster:
    """A Ray cluster of one-core nodes on this machine, each with processes of its own; a context manager.

    Args:
        nodes: how many.
    """

    def __init__(self, nodes: int) -> None:
        self._count = nodes
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            self._port, port = (str(server.getsockname()[1]) for server in (one, other))
        self.address = f"ray://127.0.0.1:{port}"
        self._folder = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
        self._head = ["--head", "--port", self._port, "--ray-client-server-port", port, "--temp-dir", self._folder.name]
        self._nodes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        # For the nodes and for the command: Ray may demand a token, and a port is open to all who reach this machine.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        try:
            self._start_node(*self._head, "--include-dashboard", "false")
            while len(self._nodes) < self._count:
                self._start_node("--address", f"127.0.0.1:{self._port}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._nodes:
            _kill_node(node)
        self._folder.cleanup()

    def actors(self) -> list[int]:
        """The processes in which actors are."""
        pids = [pid for node in self._nodes for pid in descendants(node.pid)]
        return [pid for pid in pids if _command(pid).startswith("ray::_Actor")]

    def replace_node(self, chance: random.Random) -> None:
        """Kill all processes of a node that is not the head, and start another one."""
        node = self._nodes.pop(chance.randrange(1, len(self._nodes)))
        _kill_node(node)
        self._start_node("--address", f"127.0.0.1:{self._port}")

    def _start_node(self, *words: str) -> None:
        ports = ["--min-worker-port", "0", "--max-worker-port", "0", "--dashboard-agent-listen-port", "0"]
        more = ["--num-cpus", "1", "--object-store-memory", "100000000", "--disable-usage-stats", "--block"]
        node = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *words, *ports, *more],
            env={**os.environ, "RAY_worker_niceness": "0", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._nodes.append(node)
        assert node.stdout is not None
        said = []
        for line in node.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                return
        sys.exit("".join(said))


def _kill_node(node: subprocess.Popen[str]) -> None:
    for pid in (node.pid, *descendants(node.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.wait()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # It has ended.
        return ""


def disturb(
    command: Sequence[str], kills: int, seed: int, *, pause: tuple[float, float], cluster: Cluster | None = None
) -> list[str]:
    """Run a command until it ends by itself, and meanwhile kill it and its processes.

    Args:
        command: is run again whenever it, or a process of it, was killed, unless it succeeds or its usage is wrong.
        kills: how many, at most.
        seed: of the times and the victims.
        pause: seconds between kills: the shortest and the longest.
        cluster: where the command has its actors; None if it starts all its processes itself.

    Returns:
        What was killed, "driver", "worker" or "node" each, and the status of the command that was the last.
    """
    chance = random.Random(seed)
    killed: list[str] = []
    driver, hurt = subprocess.Popen(command), False
    while True:
        try:
            status = driver.wait(chance.uniform(*pause))
        except subprocess.TimeoutExpired:
            if len(killed) < kills:
                others = descendants(driver.pid) if cluster is None else cluster.actors()
                kind = chance.choice(["driver", *["worker"][: len(others)], *([] if cluster is None else ["node"])])
                if kind == "node" and cluster is not None:
                    cluster.replace_node(chance)
                else:
                    try:
                        os.kill(driver.pid if kind == "driver" else chance.choice(others), signal.SIGKILL)
                    except ProcessLookupError:  # It has ended by itself.
                        continue
                killed.append(kind)
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
    parser.add_argument("--nodes", type=int, help="of a Ray cluster that is started; at least two")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, nargs=2, default=(2.0, 20.0), help="seconds between kills")
    chosen = parser.parse_args()
    if chosen.nodes is not None and chosen.nodes < 2:
        parser.error("--nodes: at least two; the head is not killed")

    def command(out: Path, on: str) -> list[str]:
        words = ["predict", chosen.model, chosen.archive, "--out", f"{out}/", "--on", on]
        return [sys.executable, "-m", "stillmotion", *words]

    with Cluster(chosen.nodes) if chosen.nodes else nullcontext() as cluster:
        on = cluster.address if cluster else chosen.on
        began = time.monotonic()
        subprocess.run(command(chosen.out / "undisturbed", on), check=False)
        undisturbed = read_rows(chosen.out / "undisturbed")
        assert undisturbed, "nothing is predicted, although nothing was killed"
        seconds = time.monotonic() - began
        pause = tuple(chosen.pause)
        killed = disturb(command(chosen.out / "disturbed", on), chosen.kills, chosen.seed, pause=pause, cluster=cluster)
    largest = difference(undisturbed, read_rows(chosen.out / "disturbed"))
    kinds = Counter(killed[:-1])
    print(
        f"{len({video for video, _ in undisturbed})} files, {len(undisturbed)} rows, {seconds:.0f} s undisturbed; "
        f"killed: {', '.join(f'{kinds[kind]} {kind}s' for kind in sorted(kinds)) or 'nothing'}; "
        f"the same rows, largest difference {largest:.1e}"
    )


if __name__ == "__main__":
    main()
