"""How archives scale: 1 and 2 workers, the cost of processes and of Ray per clip, and a simulation of large clusters.

    python benchmarks/scaling.py [--files 1024] [--seconds 10] [--on ray] [--write benchmarks/results/scaling.md]

Run it on a machine that does nothing else, with at least two cores: it says so in its first line if the machine is
busy, and its figures are then worth nothing. Everything but the simulation is measured, on rendered clips. Each worker
has a core, and its libraries one thread each:

- files per second of one worker on one core and of two on two, once all models are loaded, against twice the first (the
  aim: 0.9), and against two processes that know nothing of each other: what the machine itself loses;
- seconds per clip of `predict` in one process for each core, and of as many workers of each place (the aim for Ray: 5 %
  more);
- seconds that the driver needs to list a file, to pickle and unpickle a group and its results, and to write a part.
  What loky or Ray need to hand them over, and what the driver needs to wait for many workers, is not in this.

The simulation takes these times and lets a driver serve 10, 100 and 1,000 workers on a million files. It knows one
driver that lists first, then gives groups to workers and takes their results one after the other, and writes parts in
between, as `Dispatcher` and `ResultStore` do. It does not know networks and disks that many workers share, nor what
submitting and waiting take. So it is a bound: clusters are slower.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FRAMES, RATE, SIZE = 16, 8, 112
RENDERED, HERE_FILES = 64, 256  # The other files of the archive are links to those that are rendered.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class DriverTimes:
    """What the driver needs, in seconds.

    Attributes:
        list_file: to list a file with its key.
        group: to pickle a group, and to unpickle and keep its results; without submitting and waiting.
        part: to write a part.
    """

    list_file: float
    group: float
    part: float


@dataclass(frozen=True)
class Simulated:
    """How a simulated archive went.

    Attributes:
        hours: in all.
        listing: share of the time that was spent with listing, while workers waited.
        driver: share of the time, after listing, in which the driver was busy.
        efficiency: the work of the tasks, over the time of all workers.
    """

    hours: float
    listing: float
    driver: float
    efficiency: float


def simulate(
    workers: int, files: int, file_seconds: Sequence[float], times: DriverTimes, *, seed: int = 0
) -> Simulated:
    """Let a driver serve workers.

    Args:
        workers: how many.
        files: of the archive.
        file_seconds: recorded times of files, of which each file gets one at random.
        times: those of the driver.
        seed: of the chance.

    Returns:
        How it went.
    """
    from stillmotion.archive.dispatching import GROUP_FILES, GROUPS_LEFT
    from stillmotion.archive.store import FLUSH_FILES, FLUSH_SECONDS

    chance = random.Random(seed)
    listing = files * times.list_file
    clock = flushed = listing
    busy = work = 0.0
    left, waiting = files, 0
    ends: list[tuple[float, int]] = []  # of groups at work, and their files
    idle = workers
    while left or ends:
        if left and idle:
            count = max(1, min(GROUP_FILES, left // (GROUPS_LEFT * workers)))
            seconds = sum(chance.choices(file_seconds, k=count))
            clock += times.group / 2
            busy += times.group / 2
            work += seconds
            left, idle = left - count, idle - 1
            heapq.heappush(ends, (clock + seconds, count))
            continue
        end, count = heapq.heappop(ends)
        clock = max(clock, end) + times.group / 2
        busy += times.group / 2
        idle += 1
        waiting += count
        if waiting >= FLUSH_FILES or clock >= flushed + FLUSH_SECONDS:
            clock += times.part
            busy += times.part
            flushed, waiting = clock, 0
    return Simulated(clock / 3600, listing / clock, busy / (clock - listing), work / (workers * clock))


def busy_cores(seconds: float = 5.0) -> float:
    """How many cores other work keeps busy just now. Linux only."""

    def ticks() -> int:
        user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split()[1:5])
        return user + nice + system

    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


def write_clips(folder: Path, files: int, seconds: float) -> Path:
    """Render clips of a moving square in noise, 320 x 240 pixels at 25 frames per second."""
    import av
    import numpy as np

    rng = np.random.default_rng(0)
    ground = rng.integers(0, 80, (240, 320, 3), dtype=np.uint8)
    folder.mkdir(parents=True)
    for number in range(min(files, RENDERED)):
        with av.open(str(folder / f"{number:05}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "26", "preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for frame in range(round(25 * seconds)):
                picture = ground.copy()
                left = (5 * number + 3 * frame) % 280
                picture[80:160, left : left + 40] = 230
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    for number in range(RENDERED, files):
        os.link(folder / f"{number % RENDERED:05}.mp4", folder / f"{number:05}.mp4")
    return folder


def write_model(file: Path) -> Path:
    """A convolution in space and time, untrained: what it predicts does not matter here."""
    import keras
    from keras import layers

    from stillmotion.models.card_files import card_file, write_card
    from stillmotion.prediction import describe_model

    clip = keras.Input((FRAMES, SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255)(clip)
    for width in (16, 32, 64):
        x = layers.Conv3D(width, 3, strides=(1, 2, 2), activation="relu")(x)
    keras.Model(clip, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling3D()(x))).save(file)
    write_card(describe_model(file, channels="rgb", rate=RATE, labels=["a", "b", "c", "d"]), card_file(file))
    return file


def on_cores(count: int, *commands: Sequence[str]) -> list[Any]:
    """What these commands print last, as JSON, run side by side on so many cores altogether, or each on one of them."""
    cores = sorted(os.sched_getaffinity(0))[:count]
    shares = [[core] for core in cores] if len(commands) > 1 else [cores]
    running = [
        subprocess.Popen(
            ["taskset", "--cpu-list", ",".join(map(str, share)), sys.executable, __file__, *command],
            env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for command, share in zip(commands, shares, strict=True)
    ]
    printed = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit("a measurement failed")
    return [json.loads(text.splitlines()[-1]) for text in printed]


def measure_place(model: Path, clips: Path, out: Path, on: str, count: int) -> float:
    """Files per second of an archive, while so many workers get full groups."""
    import stillmotion as sm
    from stillmotion.archive.dispatching import GROUP_FILES, GROUPS_LEFT

    seen: list[tuple[float, int]] = []

    def progress(stage: str, done: int, total: int, figures: Any = None, /) -> None:
        if done and (not seen or done > seen[-1][1]):
            seen.append((time.monotonic(), done))

    sm.predict_archive(model, clips, out, on=on, progress=progress)
    # The first groups include what a model does only once; the last become smaller, down to single files.
    full = [one for one in seen if one[1] <= seen[-1][1] - count * GROUPS_LEFT * GROUP_FILES][count:]
    if len(full) < 2:
        sys.exit(f"{on}: too few files to measure anything; give more --files")
    (start, first), (end, last) = full[0], full[-1]
    return (last - first) / (end - start)


def measure_here(model: Path, clips: Path) -> list[float]:
    """Seconds of each file of `predict` in this process, when the model is loaded and has been used once."""
    import stillmotion as sm
    from stillmotion.decoding import limit_threads

    limit_threads(1)
    loaded = sm.load_clip_model(model)
    files = sorted(clips.iterdir())
    list(sm.predict(loaded, files[:32]))
    files = files[:HERE_FILES]
    began = time.monotonic()
    list(sm.predict(loaded, files))  # in full batches, as workers do
    mean = (time.monotonic() - began) / len(files)
    alone = []
    for file in files[:16]:
        began = time.monotonic()
        list(sm.predict(loaded, [file]))
        alone.append(time.monotonic() - began)
    return [mean * seconds / statistics.mean(alone) for seconds in alone]


def measure_driver(folder: Path, files: int = 20_000) -> DriverTimes:
    """Times of listing, of pickling a group and its results, and of a part, on small files of this machine's disk."""
    import pyarrow as pa

    from stillmotion.archive import list_archive
    from stillmotion.archive.dispatching import GROUP_FILES
    from stillmotion.archive.records import Outcome
    from stillmotion.archive.store import FLUSH_FILES, ResultStore

    for number in range(files):
        path = folder / "many" / f"{number // 1000:03}" / f"{number:06}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    began = time.monotonic()
    listed = list_archive(folder / "many")
    list_file = (time.monotonic() - began) / files

    rows = [
        {"video": file.video.name, "window": str(window), "start_seconds": 0.0, "end_seconds": 2.0, "label": "a"}
        | {"probability": 0.5, "prob_a": 0.5, "prob_b": 0.5, "key": file.key}
        for file in listed[:GROUP_FILES]
        for window in (0, 1, 2, 3, 4, "all")
    ]
    store = ResultStore(folder / "store")
    (folder / "store" / "predictions").mkdir(parents=True)
    outcome = Outcome(tuple(file.key for file in listed[:GROUP_FILES]), pa.Table.from_pylist(rows))
    began = time.monotonic()
    for _ in range(FLUSH_FILES // GROUP_FILES):
        pickle.loads(pickle.dumps(listed[:GROUP_FILES]))
        store.add(pickle.loads(pickle.dumps(outcome)))
    group = (time.monotonic() - began) / (FLUSH_FILES // GROUP_FILES)
    began = time.monotonic()
    store.flush()
    return DriverTimes(list_file, group, time.monotonic() - began)


def measure(files: int, seconds: float, places: Sequence[str]) -> dict[str, Any]:
    """Everything that is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips, model = write_clips(folder / "clips", files, seconds), write_model(folder / "model.keras")
        counts = {on: int(on.partition(":")[2]) if on.startswith("processes") else os.cpu_count() or 1 for on in places}
        here = {
            count: on_cores(count, *[["--here", str(model), str(clips)]] * count)
            for count in sorted({*counts.values()})
        }
        rates = {
            on: on_cores(count, ["--place", str(model), str(clips), str(folder / f"out-{number}"), on, str(count)])[0]
            for number, (on, count) in enumerate(counts.items())
        }
        return {
            "counts": counts,
            "file_seconds": here[1][0],
            "here": {count: statistics.mean(map(statistics.mean, times)) for count, times in here.items()},
            "rates": rates,
            "driver": measure_driver(folder),
        }


def describe(measured: dict[str, Any], files: int, seconds: float, busy: float) -> str:
    """The results as Markdown."""
    rates, here, driver = measured["rates"], measured["here"], measured["driver"]
    lines = [
        "# Scaling of archives",
        "",
        f"`python benchmarks/scaling.py --files {files} --seconds {seconds:g}`, on {os.cpu_count()} cores, {busy:.2f} "
        "of them busy with other work just before it. Each worker has a core.",
        "",
        "| Place | Workers | Files per second | Seconds per clip and worker | Against as many single processes |",
        "|---|---|---|---|---|",
    ]
    for count, mean in here.items():
        name = "`predict`, one process" if count == 1 else f"`predict`, {count} processes that share nothing"
        lines.append(f"| {name} | {count} | {count / mean:.2f} | {mean:.3f} | |")
    for on, rate in rates.items():
        count = measured["counts"][on]
        each = count / rate
        lines.append(f"| `{on}` | {count} | {rate:.2f} | {each:.3f} | {each / here[count] - 1:+.1%} |")
    both = rates["processes:2"] / (2 * rates["processes:1"])
    lines += [
        "",
        f"Two workers are {both:.2f} of twice the one; two processes that share nothing are {here[1] / here[2]:.2f}.",
        "",
        f"The driver needs {1e6 * driver.list_file:.0f} µs to list a file, {1e3 * driver.group:.2f} ms to pickle a "
        f"group and its results (submitting and waiting not included) and {1e3 * driver.part:.0f} ms for a part. With "
        "these times, a million files, simulated:",
        "",
        "| Workers | Hours | Of these, listing | Driver busy | Efficiency |",
        "|---|---|---|---|---|",
    ]
    for workers in (10, 100, 1000):
        one = simulate(workers, 1_000_000, measured["file_seconds"], driver)
        lines.append(f"| {workers:,} | {one.hours:.2f} | {one.listing:.1%} | {one.driver:.1%} | {one.efficiency:.1%} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--on", nargs="*", default=["ray"], help="places beside processes:1 and processes:2")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--here", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--place", nargs=5, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.here:
        print(json.dumps(measure_here(*chosen.here)))
        return
    if chosen.place:
        model, clips, out, on, count = chosen.place
        print(json.dumps(measure_place(Path(model), Path(clips), Path(out), on, int(count))))
        return
    busy = busy_cores()
    if busy > 0.1:
        print(f"{busy:.1f} cores are busy: these figures are worth nothing", file=sys.stderr)
    measured = measure(chosen.files, chosen.seconds, ["processes:1", "processes:2", *chosen.on])
    text = describe(measured, chosen.files, chosen.seconds, busy)
    print(text)
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
