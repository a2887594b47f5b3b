"""What does an anomaly detector find that has seen normal footage only? Prints Markdown tables.

    python benchmarks/anomaly.py --out anomaly [--minutes 20] [--data FOLDER]

A rendered line has minutes of normal footage and as many test recordings of one minute, 20 at most, in each of which
three things happen: faults of look, motion and sequence, which should be found, and nuisances, which should not alarm.

With --data, clips of real recordings are tested, too: `fights`, with quarrels as faults, and `gestures`, with one
gesture as normal and all others as faults. A third of the groups is tested on; the detector learns from the normal
clips of the others. Each clip is normal or not as a whole, so what is measured is whether its highest score tells.

If interrupted, run the same command again to resume.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

import stillmotion as sm
from stillmotion.anomaly import DetectorEvaluation, is_detector
from stillmotion.demo.line import FAULTS, NUISANCES

REAL = {"fights": ("noFight",), "gestures": ("up", "circlecc")}
TEST_EVERY = 3


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
        f"{record.expected_per_hour:.1f} per hour; {record.recordings_needed} recordings would keep it.",
        flush=True,
    )
    cpu = time.process_time()
    result = sm.evaluate_detector(detector, out / "line" / "test" / "truth.csv")
    seconds = sum(1 for _ in (out / "line" / "test").glob("*.mp4")) * 60
    print(f"\nTested {seconds} s of footage in {time.process_time() - cpu:.0f} s of processor time.")
    print("\n| kind | fault | found | by look, by motion | median delay, s |\n|---|---|---|---|---|")
    for kind, names in FAULTS.items():
        for name in names:
            faults = [fault for fault in result.faults if fault.fault.label == name]
            alarms = [fault.alarm for fault in faults if fault.alarm]
            delays = [fault.delay_seconds for fault in faults if fault.delay_seconds is not None]
            by = ", ".join(str(sum(alarm.kind == which for alarm in alarms)) for which in ("look", "motion"))
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
        hit = [
            any(f.recording == path and start <= f.alarm.raised_seconds <= end for f in result.false_alarms)
            for path, start, end in nuisances[name]
        ]
        inside += sum(hit)
        print(f"| {name} | {len(hit)} | {sum(hit)} |")
    print(f"\nFalse alarms outside of nuisances: {len(result.false_alarms) - inside}.")
    for false in result.false_alarms:
        print(f"- {false.recording} at {false.alarm.start_seconds:.1f} s, by {false.alarm.kind}")


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
        areas = (curve.macro, curve.micro, curve.recordings)
        print(f"| {name} | {' | '.join('' if area is None else f'{area:.2f}' for area in areas)} |", flush=True)


def real(out: Path, data: Path, name: str, normal: str) -> None:
    """Clips of real recordings."""
    with (data / name / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    tested = set(sorted({row["group"] for row in rows})[::TEST_EVERY])
    folder = out / f"{name}-{normal}"
    (folder / "normal").mkdir(parents=True, exist_ok=True)
    with (folder / "truth.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group"])
        for row in rows:
            source = (data / name / row["path"]).resolve()
            if row["group"] in tested:
                writer.writerow([source, "normal" if row["label"] == normal else row["label"], row["group"]])
            elif row["label"] == normal:
                link = folder / "normal" / row["group"] / source.name
                link.parent.mkdir(exist_ok=True)
                if not link.exists():
                    os.symlink(source, link)
    print(f"\n## {name}, {normal} as normal")
    detector = fit(folder / "normal", folder / "detector", group="^[^/]+")
    result = sm.evaluate_detector(detector, folder / "truth.csv")
    clips = sum(row["group"] in tested for row in rows)
    print(
        f"\n{detector.record.footage.held_out.units} groups to learn from; {clips} clips of {len(tested)} to test on."
    )
    summarize(result)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a folder for footage and detectors")
    parser.add_argument("--minutes", type=int, default=20, help="of normal footage")
    parser.add_argument("--data", type=Path, help="a folder with the data sets fights and gestures")
    arguments = parser.parse_args()
    print("## The rendered line")
    line(arguments.out, arguments.minutes)
    if arguments.data:
        for data_set, gestures in REAL.items():
            for gesture in gestures:
                real(arguments.out, arguments.data, data_set, gesture)
