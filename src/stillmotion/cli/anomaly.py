"""stillmotion anomaly"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, print_list, shown

if TYPE_CHECKING:
    from stillmotion.anomaly import Detector, DetectorEvaluation

app = typer.Typer(
    no_args_is_help=True,
    help="Find what is unusual, learned from normal footage alone, by look, by motion and by what repeats.",
)


@app.command()
def fit(
    normal: Annotated[
        Path,
        typer.Argument(
            metavar="NORMAL",
            parser=options.read_path,
            help="A folder of videos, or one video, in which nothing is unusual.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="The detector's folder."),
    ] = Path("detector"),
    promise: Annotated[
        str, typer.Option(metavar="N/TIME", help="How many false alarms are acceptable: 1/hour, 2/day, 1/week.")
    ] = "1/hour",
    rate: Annotated[float, typer.Option(metavar="FPS", help="Clip rate in frames per second.")] = 8.0,
    backbone: Annotated[
        str, typer.Option(metavar="NAME", help="What turns frames into features, see docs/backbones.md.")
    ] = "efficientnet-lite0",
    group: options.Group = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that are there already.")] = False,
) -> None:
    """Learn from normal footage what is normal. No fault is needed.

    If it is interrupted, run the same command again to go on where it was.

    Example: stillmotion anomaly fit normal/ --out detector --promise 1/hour
    """
    from stillmotion.anomaly import fit_anomaly_detector

    load_backend()
    with bar("anomaly") as progress:
        detector = fit_anomaly_detector(
            normal,
            out=folder,
            promise=promise,
            backbone=backbone,
            rate=rate,
            group=group,
            overwrite=replace,
            progress=progress,
        )
    _print_detector(detector)
    out.print(f"detector: {shown(folder)}", markup=False)
    note(f"next: stillmotion stream {shown(folder)} SOURCE, or stillmotion anomaly test {shown(folder)} TABLE")


@app.command("test")
def test(
    detector: Annotated[
        Path,
        typer.Argument(metavar="DETECTOR", parser=options.read_path, help="The detector's folder.", show_default=False),
    ],
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            parser=options.read_path,
            help="What is unusual, and when: a table with columns path, label and perhaps start, end, group.",
            show_default=False,
        ),
    ],
) -> None:
    """Test a detector on recordings whose faults are known.

    Example: stillmotion anomaly test detector labeled.csv
    """
    from stillmotion.anomaly import evaluate_detector, load_detector

    load_backend()
    loaded = load_detector(detector)
    with bar("anomaly") as progress:
        result = evaluate_detector(loaded, truth, progress=progress)
    _print_test(result)


@app.command()
def add(
    detector: Annotated[
        Path,
        typer.Argument(metavar="DETECTOR", parser=options.read_path, help="The detector's folder.", show_default=False),
    ],
    more: Annotated[
        Path,
        typer.Argument(
            metavar="MORE",
            parser=options.read_path,
            help="A folder of videos, or one video, in which nothing is unusual.",
            show_default=False,
        ),
    ],
    acknowledged: Annotated[
        bool,
        typer.Option("--acknowledged", help="They are clips of false alarms: remember them, but change no threshold."),
    ] = False,
) -> None:
    """Add normal footage to a detector without fitting it again.

    Recordings that it knows already are left out. If it is interrupted, the detector is as it was.

    Example: stillmotion anomaly add detector new-normal/
    """
    from stillmotion.anomaly import acknowledge_alarm, add_normal_footage, load_detector

    load_backend()
    loaded = load_detector(detector)
    with bar("anomaly") as progress:
        result = (acknowledge_alarm if acknowledged else add_normal_footage)(loaded, more, progress=progress)
    print_list("known already, left out", result.known)
    print_list("remembered, without a say in thresholds", result.remembered)
    print_list("added", result.added)
    if acknowledged and loaded.cycles:
        note("what comes at each phase of the cycle is not learned anew: false alarms by cycle may come again")
    if result.added:
        _print_detector(result.detector)
    out.print(f"detector: {shown(detector)}", markup=False)


def _print_detector(detector: Detector) -> None:
    """What was learned, and what the thresholds promise."""
    record, footage = detector.record, detector.record.footage
    units = footage.held_out.units
    count = len(footage.recordings)
    out.print(f"learned from {count} recordings, {_hours(footage.held_out.hours)} of normal footage", markup=False)
    if footage.held_out_by == "stretch":
        kind = "stretches"
        note(
            "all footage is of one group, so thresholds come from other stretches of the same recording. Another day "
            "may look different: add recordings of several days"
        )
    else:
        kind = "recordings" if units == count else "groups of recordings"
    if record.cycle_note:
        out.print(record.cycle_note, markup=False)
    alarms = sum(threshold.alarms for threshold in record.thresholds.values())
    state = "kept" if record.keeps_promise else "not enough footage to keep it"
    alarmed = f"{alarms} false alarm{'' if alarms == 1 else 's'}"
    out.print(
        f"promise {record.promise}: {state}. Thresholds come from {units} {kind}, each held out, with {alarmed}. On "
        f"new footage like this, expect at most {_rate(record.expected_per_hour)}; alarms within 5 minutes count once",
        markup=False,
    )
    if not record.keeps_promise:
        out.print(
            f"the promise takes {record.recordings_needed} {kind} like these, {_hours(record.hours_needed)}",
            markup=False,
        )


def _print_test(result: DetectorEvaluation) -> None:
    """What was found, false alarms, and how well scores tell the two apart."""
    for reason in result.skipped:
        note(f"skipped: {reason}")
    if result.found is not None:
        share, low, high = result.found
        hits = sum(fault.alarm is not None for fault in result.faults)
        delay = result.median_delay_seconds
        out.print(
            f"faults found: {hits} of {len(result.faults)}, {share:.0%} (95 % interval {low:.0%} to {high:.0%})"
            + (f", typically after {delay:.1f} s" if delay is not None else ""),
            markup=False,
        )
    if result.most_disturbed_per_hour is not None:
        out.print(
            f"false alarms: {len(result.false_alarms)} in {_hours(result.normal_hours)} of normal footage; counted "
            f"once in 5 minutes, at most {_rate(result.most_disturbed_per_hour)} with 95 % confidence",
            markup=False,
        )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("area under the ROC curve", "within recordings", "all frames", "recordings"):
        table.add_column(column, justify="left" if column.startswith("area") else "right")
    for name, curve in result.curves.items():
        areas = (curve.macro, curve.micro, curve.recordings)
        table.add_row(escape(name), *("" if area is None else f"{area:.2f}" for area in areas))
    out.print(table)
    missed = [fault for fault in result.faults if fault.alarm is None]
    print_list("missed", [f"{f.recording} at {f.fault.start_seconds:.1f} s: {f.fault.label}" for f in missed])
    print_list(
        "false alarms",
        [f"{f.recording} at {f.alarm.start_seconds:.1f} s, by {f.alarm.kind}" for f in result.false_alarms],
    )


def _hours(hours: float) -> str:
    """A duration in words."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} seconds"
    return f"{hours * 60:.0f} minutes" if hours < 2 else f"{hours:.1f} hours"


def _rate(per_hour: float) -> str:
    """A rate in words."""
    if per_hour >= 1:
        return f"{per_hour:.3g} per hour"
    return f"{per_hour * 24:.3g} per day" if per_hour * 24 >= 1 else f"{per_hour * 168:.3g} per week"
