"""What does an anomaly detector find that has seen normal footage only? Prints Markdown tables.

    python benchmarks/anomaly.py --out anomaly [--minutes 20] [--data FOLDER]
    python benchmarks/anomaly.py --out anomaly --minutes 120 --unseen-hours 10
    python benchmarks/anomaly.py --out anomaly --speed [--frames 100000]
    python benchmarks/anomaly.py --out anomaly --hour

A rendered line has recordings of one minute: normal ones, with a nuisance each, and as many to test on, 20 at most, in
each of which three things happen: faults of look, motion and sequence, which should be found, and nuisances, which
should not alarm.

Faults are also put into the normal footage, and what that says is compared with what happens to the rendered faults.

With --data, other clips are tested, too: `fights`, with quarrels as faults, and `gestures`, with one gesture as normal
and all others as faults. A third of the groups is tested on; the detector learns from the normal clips of the others.
Each clip is normal or not as a whole, so what is measured is whether its highest score tells.

With --unseen-hours, the detector watches that many hours of normal footage of the same line that it has not seen. Do
they have more false alarms than `fit` said? Recordings are rendered, watched and deleted, one on each core at a time.

With --speed, nothing is tested: it prints the processor time that a second of 720p at 25 frames per second takes, and
how much memory is in use after some thousand frames. With --hour, it prints how long a detector takes to fit to an hour
of 720p at 25 frames per second.

If interrupted, run the same command again to resume.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from itertools import repeat
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import stillmotion as sm
from stillmotion.anomaly import AlarmFinder, DetectorEvaluation, is_detector
from stillmotion.anomaly.alarms import Level
from stillmotion.anomaly.curves import LevelTimeline
from stillmotion.anomaly.detector import FrameScorer
from stillmotion.anomaly.measuring import MeasuredFrame, measure_file, measure_source
from stillmotion.anomaly.promise import rate_bound
from stillmotion.anomaly.scene import SceneWatch
from stillmotion.anomaly.scoring import score_measures
from stillmotion.anomaly.truth import TrueFault
from stillmotion.decoding.live import find_source, read_source
from stillmotion.demo.line import FAULTS, NUISANCES, draw_line, plan_happenings, write_recording
from stillmotion.execution.worker_processes import worker_environment

REAL = {"fights": ("noFight",), "gestures": ("up", "circlecc")}
TEST_EVERY = 3
# Which simulated fault is meant to say what happens to which rendered one.
SIMULATED = {
    "scratched": "scratch",
    "dented": "part missing",
    "stop": "stop",
    "stutter": "stutter",
    "backward": "reverse",
    "fast": "faster",
    "slow": "slower",
    "lamp-first": "swapped steps",
    "press-missing": "skipped step",
}
PER_FAULT = 6
CAMERA_SECONDS = 20


def fit(normal: Path, out: Path, group: str | None = None) -> sm.Detector:
    """The detector, unless it is there already."""
    if is_detector(out):
        return sm.load_detector(out)
    began, cpu = time.perf_counter(), time.process_time()
    detector = sm.fit_anomaly_detector(normal, out=out, group=group)
    hours = detector.record.footage.held_out.hours
    print(
        f"\nFitted on {hours * 60:.1f} minutes in {time.perf_counter() - began:.0f} s "
        f"({time.process_time() - cpu:.0f} s of processor time).",
        flush=True,
    )
    return detector


def line(out: Path, minutes: int) -> None:
    """The rendered line."""
    sm.make_anomaly_data(out / "line", minutes=minutes)
    detector = fit(out / "line" / "normal", out / "line-detector")
    record = detector.record
    print(
        f"\nPromise {record.promise}: {record.footage.held_out.units} recordings, expected at most "
        f"{record.expected_per_hour:.1f} per hour; {record.recordings_needed} recordings would keep it. "
        f"What repeats: {record.cycle_note}.",
        flush=True,
    )
    cpu = time.process_time()
    result = sm.evaluate_detector(detector, out / "line" / "test" / "truth.csv")
    seconds = sum(1 for _ in (out / "line" / "test").glob("*.mp4")) * 60
    print(f"\nTested {seconds} s of footage in {time.process_time() - cpu:.0f} s of processor time.")
    print("\n| kind | fault | found | by look, by motion, by cycle | median delay, s |\n|---|---|---|---|---|")
    for kind, names in FAULTS.items():
        for name in names:
            faults = [fault for fault in result.faults if fault.fault.label == name]
            alarms = [fault.alarm for fault in faults if fault.alarm]
            delays = [fault.delay_seconds for fault in faults if fault.delay_seconds is not None]
            by = ", ".join(str(sum(alarm.kind == which for alarm in alarms)) for which in ("look", "motion", "cycle"))
            delay = f"{np.median(delays):.1f}" if delays else ""
            print(f"| {kind} | {name} | {len(alarms)} of {len(faults)} | {by} | {delay} |")
    summarize(result)
    nuisances = defaultdict(list)
    with (out / "line" / "test" / "truth.csv").open() as file:
        for row in csv.DictReader(file):
            if row["what"] in NUISANCES:
                nuisances[row["what"]].append((row["path"], float(row["start"]), float(row["end"]) + 1))
    print("\n| nuisance | shown | with an alarm |\n|---|---|---|")
    inside = 0
    for name in NUISANCES:
        alarms = [
            sum(f.recording == path and start <= f.alarm.raised_seconds <= end for f in result.false_alarms)
            for path, start, end in nuisances[name]
        ]
        inside += sum(alarms)
        print(f"| {name} | {len(alarms)} | {sum(count > 0 for count in alarms)} |")
    print(f"\nFalse alarms outside of nuisances: {len(result.false_alarms) - inside}.")
    for false in result.false_alarms:
        print(f"- {false.recording} at {false.alarm.start_seconds:.1f} s, by {false.alarm.kind}")
    sm.write_anomaly_report(detector, out / "line-test.html", evaluation=result)
    print("\n## Do simulated faults predict real ones?")
    predict(out, detector, result)


def predict(out: Path, detector: sm.Detector, result: DetectorEvaluation) -> None:
    """Do simulated faults predict rendered ones? Shares found and highest levels, by kind of fault."""
    cpu = time.process_time()
    simulation = sm.simulate_faults(detector, out / "line" / "normal", out=out / "line-simulation", per_fault=PER_FAULT)
    print(
        f"\n{len(simulation.faults)} faults simulated in {simulation.recordings} recordings, in "
        f"{time.process_time() - cpu:.0f} s of processor time."
    )
    print("\n| simulated | made | found | by look | by motion | median delay, s | points at it |")
    print("|---|---|---|---|---|---|---|")
    for row in simulation.shares:
        delay = "" if row.median_delay_seconds is None else f"{row.median_delay_seconds:.1f}"
        located = "" if row.located is None else f"{row.located:.0%}"
        found = f"{row.found.value:.0%} ({row.found.low:.0%} to {row.found.high:.0%})"
        alone = f"{row.look.value:.0%} | {row.motion.value:.0%}"
        print(f"| {row.fault} | {row.count} | {found} | {alone} | {delay} | {located} |")
    for verdict in simulation.verdicts:
        print(f"\n{verdict.about}: {verdict.sentence}")
    levels = {timeline.recording: timeline for timeline in result.timelines}
    print("\n| rendered | found | highest level | simulated | found | highest level |\n|---|---|---|---|---|---|")
    pairs = []
    for rendered, simulated in SIMULATED.items():
        real = [fault for fault in result.faults if fault.fault.label == rendered]
        made = [fault for fault in simulation.faults if fault.fault == simulated]
        if not real or not made:
            print(f"| {rendered} | {len(real)} tested | | {simulated} | {len(made)} made | |")
            continue
        peaks = [peak(levels[fault.recording], fault.fault) for fault in real]
        pairs.append(
            (
                float(np.mean([fault.alarm is not None for fault in real])),
                float(np.mean([fault.delay_seconds is not None for fault in made])),
                float(np.median(peaks)),
                float(np.median([max(fault.look_peak, fault.motion_peak) for fault in made])),
            )
        )
        share, expected, level, foretold = pairs[-1]
        print(
            f"| {rendered} | {share:.0%} of {len(real)} | {level:.1f} | {simulated} | {expected:.0%} | {foretold:.1f} |"
        )
    found, foretold_found, peaks, foretold_peaks = np.array(pairs).T
    for name, first, second in (("shares found", found, foretold_found), ("highest levels", peaks, foretold_peaks)):
        if np.ptp(first) and np.ptp(second):
            rank = spearmanr(first, second)
            print(
                f"\nRank correlation of {name} over {len(pairs)} kinds: {rank.statistic:.2f} (p = {rank.pvalue:.2f})."
            )
        else:
            print(f"\nNo rank correlation of {name}: they are all the same.")


def peak(timeline: LevelTimeline, fault: TrueFault) -> float:
    """The highest level during a fault."""
    seconds = np.array(timeline.seconds)
    during = (seconds > fault.start_seconds) & (seconds <= fault.end_seconds + 1)
    return float(np.maximum(timeline.look, timeline.motion)[during].max())


def summarize(result: DetectorEvaluation) -> None:
    """What all tests have in common."""
    if result.found and result.median_delay_seconds is not None:
        share, low, high = result.found
        print(f"\nFound: {share:.0%} (95 % interval {low:.0%} to {high:.0%}), {result.median_delay_seconds:.1f} s.")
    if result.most_disturbed_per_hour is not None:
        print(
            f"\nFalse alarms: {len(result.false_alarms)} in {result.normal_hours * 60:.0f} minutes of normal footage, "
            f"in {result.disturbed_stretches} stretches; at most {result.most_disturbed_per_hour:.1f} such per hour."
        )
    print("\n| area under the ROC curve of | within recordings | all frames | recordings |\n|---|---|---|---|")
    for name, curve in result.curves.items():
        within = ""
        if curve.macro is not None and curve.macro_interval is not None:
            within = f"{curve.macro:.2f} ({curve.macro_interval[0]:.2f} to {curve.macro_interval[1]:.2f})"
        others = ("" if area is None else f"{area:.2f}" for area in (curve.micro, curve.recordings))
        print(f"| {name} | {within} | {' | '.join(others)} |", flush=True)


def real(out: Path, data: Path, name: str, normal: str) -> None:
    """Clips of real recordings."""
    table = data / name / f"{name}.csv"
    videos = sm.read_videos(table if table.exists() else data / name)
    tested = set(sorted({video.group for video in videos})[::TEST_EVERY])
    folder = out / f"{name}-{normal}"
    (folder / "normal").mkdir(parents=True, exist_ok=True)
    with (folder / "truth.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group"])
        for video in videos:
            source = videos.file(video).resolve()
            if video.group in tested:
                writer.writerow([source, "normal" if video.label == normal else video.label, video.group])
            elif video.label == normal:
                link = folder / "normal" / video.group.replace("/", "-") / source.name
                link.parent.mkdir(exist_ok=True)
                if not link.exists():
                    os.symlink(source, link)
    print(f"\n## {name}, {normal} as normal")
    detector = fit(folder / "normal", folder / "detector", group="^[^/]+")
    result = sm.evaluate_detector(detector, folder / "truth.csv")
    clips = sum(video.group in tested for video in videos)
    print(
        f"\n{detector.record.footage.held_out.units} groups to learn from; {clips} clips of {len(tested)} to test on."
    )
    summarize(result)


@cache
def loaded(folder: Path) -> sm.Detector:
    return sm.load_detector(folder)


def watch(out: Path, number: int) -> int:
    """How many alarms a recording has that the detector has not seen. It is rendered, watched and deleted."""
    file, detector = out / f"unseen{number}.mp4", loaded(out / "line-detector")
    rng = np.random.default_rng((0, 7, number))
    planned = plan_happenings([str(rng.choice(NUISANCES))], 60.0, rng)
    write_recording(file, draw_line(0), 60.0, planned, rng)
    measures = measure_file(detector.backbone, detector.record.rate, find_source(file), detector.still)
    alarms = sum(
        score.ended is not None for score in score_measures(detector, (MeasuredFrame(None, m) for m in measures))
    )
    file.unlink()
    return alarms


def unseen(out: Path, minutes: int, hours: float) -> None:
    """Hours of normal footage that the detector has not seen."""
    sm.make_anomaly_data(out / "line", minutes=minutes)
    detector = fit(out / "line" / "normal", out / "line-detector")
    done = out / "unseen.csv"
    known = {row.split(",")[0] for row in done.read_text().splitlines()} if done.exists() else set()
    left = [number for number in range(round(hours * 60)) if str(number) not in known]
    context = multiprocessing.get_context("spawn")
    os.environ |= worker_environment(1, os.environ)
    with ProcessPoolExecutor(os.cpu_count(), context) as pool, done.open("a") as rows:
        for number, alarms in zip(left, pool.map(watch, repeat(out), left), strict=True):
            rows.write(f"{number},{alarms}\n")
            rows.flush()
    alarms = [int(row.split(",")[1]) for row in done.read_text().splitlines()]
    disturbed, watched = sum(count > 0 for count in alarms), len(alarms) / 60
    print(
        f"\nPromise {detector.record.promise}, {minutes} minutes of footage to learn from: at most "
        f"{detector.record.expected_per_hour:.2f} recordings with a false alarm expected per hour.\n"
        f"In {watched:.1f} hours of unseen footage, {disturbed} of {len(alarms)} recordings have one "
        f"({sum(alarms)} alarms): {disturbed / watched:.2f} per hour, "
        f"at most {rate_bound(disturbed, watched):.2f} with 95 % confidence."
    )


def speed(out: Path, minutes: int, frames: int) -> None:
    """What it costs to score a camera, in processor time, and how much memory it takes in the long run."""
    sm.make_anomaly_data(out / "line", minutes=minutes)
    detector = fit(out / "line" / "normal", out / "line-detector")
    camera = _camera(out / "line" / "test" / "recording000.mp4", out / "camera.mp4", CAMERA_SECONDS)
    costs: dict[str, float] = {}
    runs: dict[str, Callable[[], int]] = {
        "decoding": lambda: _count(read_source(find_source(camera))),
        "and measuring": lambda: _count(measure_source(detector.measurer(), find_source(camera))),
        "and scoring": lambda: _count(sm.score_source(detector, camera)),
    }
    for name, run in runs.items():
        run()  # What is compiled or loaded at first does not count.
        began = time.process_time()
        run()
        costs[name] = (time.process_time() - began) / CAMERA_SECONDS
    print("\n| a second of 720p at 25 frames per second | processor time, s |\n|---|---|")
    for name, cost in costs.items():
        print(f"| {name} | {cost:.3f} |", flush=True)
    measured = [frame.measures for frame in measure_source(detector.measurer(), find_source(camera))]
    scorer, finder = FrameScorer(detector), AlarmFinder(detector.record.rate)
    watch = SceneWatch(detector.record.scene, detector.record.rate)
    print("\n| frames scored | memory, MiB | processor time per frame, ms |\n|---|---|---|")
    began, done = time.process_time(), 0
    for number in range(1, frames + 1):
        score = scorer.push(measured[number % len(measured)]._replace(starts=number == 1))
        watch.push(score.look, score.motion)
        finder.push(number / detector.record.rate, [Level(score.look, "look"), Level(score.motion, "motion")])
        if number in (1_000, 10_000, 20_000, frames):
            cost = (time.process_time() - began) / (number - done) * 1000
            print(f"| {number} | {_resident():.1f} | {cost:.1f} |", flush=True)
            began, done = time.process_time(), number


def hour(out: Path) -> None:
    """How long it takes to fit a detector to an hour of 720p."""
    recordings = sm.make_anomaly_data(out / "hour-line", minutes=60)[:60]
    (out / "hour").mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda file: _camera(file, out / "hour" / file.name, 60), recordings))
    fit(out / "hour", out / "hour-detector")


def _count(items: Iterable[object]) -> int:
    return sum(1 for _ in items)


def _camera(recording: Path, file: Path, seconds: int) -> Path:
    """A recording as a camera of 720p would give it."""
    import av

    with av.open(str(recording)) as source, av.open(str(file), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        pictures = source.decode(video=0)
        shown, following = next(pictures), next(pictures, None)
        for number in range(seconds * 25):
            while following and following.time <= number / 25:
                shown, following = following, next(pictures, None)
            picture = shown.reformat(1280, 720, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            target.mux(stream.encode(picture))
        target.mux(stream.encode())
    return file


def _resident() -> float:
    """MiB of memory in use by this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a folder for footage and detectors")
    parser.add_argument("--minutes", type=int, default=20, help="of normal footage")
    parser.add_argument("--data", type=Path, help="a folder with the data sets fights and gestures")
    parser.add_argument("--unseen-hours", type=float, help="watch so much unseen normal footage instead")
    parser.add_argument("--speed", action="store_true", help="measure processor time and memory instead")
    parser.add_argument("--hour", action="store_true", help="measure how long an hour of 720p takes to fit instead")
    parser.add_argument("--frames", type=int, default=100_000, help="frames after which memory is measured")
    arguments = parser.parse_args()
    if arguments.speed:
        speed(arguments.out, arguments.minutes, arguments.frames)
        raise SystemExit
    if arguments.hour:
        hour(arguments.out)
        raise SystemExit
    if arguments.unseen_hours:
        unseen(arguments.out, arguments.minutes, arguments.unseen_hours)
        raise SystemExit
    print("## The rendered line")
    line(arguments.out, arguments.minutes)
    if arguments.data:
        for data_set, gestures in REAL.items():
            for gesture in gestures:
                real(arguments.out, arguments.data, data_set, gesture)
