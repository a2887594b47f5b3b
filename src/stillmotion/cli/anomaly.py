"""stillmotion anomaly"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, print_list, shown
from stillmotion.errors import StillmotionError
from stillmotion.formatting import count

if TYPE_CHECKING:
    from stillmotion.anomaly import Detector, DetectorEvaluation, FaultSimulation
    from stillmotion.anomaly.curves import Curve

REPORT_FILE = "report.html"
DetectorFolder = Annotated[
    Path,
    typer.Argument(metavar="DETECTOR", parser=options.read_path, help="The detector's folder.", show_default=False),
]

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
    replace: options.Replace = False,
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
    detector: DetectorFolder,
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            parser=options.read_path,
            help="What is unusual, and when: a table with columns path, label and perhaps start, end, group.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="A folder for the figures and a report with a timeline per recording."
        ),
    ] = None,
) -> None:
    """Test a detector on recordings whose faults are known.

    Example: stillmotion anomaly test detector labeled.csv --out report
    """
    from stillmotion.anomaly import evaluate_detector, load_detector
    from stillmotion.files import check_folder

    if folder is not None:
        check_folder(folder)
    load_backend()
    loaded = load_detector(detector)
    with bar("anomaly") as progress:
        result = evaluate_detector(loaded, truth, out=folder, progress=progress)
    _print_test(result)
    if folder is not None:
        from stillmotion.reports import write_anomaly_report

        page = write_anomaly_report(loaded, folder / REPORT_FILE, evaluation=result)
        out.print(f"report: {shown(page)}", markup=False)
    if result.skipped:
        raise StillmotionError(f"{count(len(result.skipped), 'recording')} could not be read")


@app.command()
def simulate(
    detector: DetectorFolder,
    normal: Annotated[
        Path,
        typer.Argument(
            metavar="NORMAL",
            parser=options.read_path,
            help="Normal footage: a folder of videos, or one video; that which the detector was learned from will do.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A folder for the figures and the report.")
    ] = Path("simulation"),
    per_fault: Annotated[
        int, typer.Option(metavar="N", help="How often each fault is simulated at each strength.")
    ] = 10,
    seed: Annotated[int, typer.Option(help="Random seed; other seeds give other faults.", min=0)] = 0,
    group: options.Group = None,
    replace: options.Replace = False,
) -> None:
    """Find out which faults would be found, before anything has broken, and whether that needs motion.

    Faults are put into normal footage, such as a stop, a missing part or a leak. If it is interrupted, run the same
    command again to go on where it was.

    Example: stillmotion anomaly simulate detector normal/ --out simulation
    """
    from stillmotion.anomaly import load_detector, simulate_faults
    from stillmotion.reports import write_anomaly_report

    load_backend()
    loaded = load_detector(detector)
    with bar("anomaly") as progress:
        simulation = simulate_faults(
            loaded,
            normal,
            out=folder,
            seed=seed,
            per_fault=per_fault,
            group=group,
            overwrite=replace,
            progress=progress,
        )
    _print_simulation(simulation)
    page = write_anomaly_report(loaded, folder / REPORT_FILE, simulation=simulation)
    out.print(f"report: {shown(page)}", markup=False)


@app.command()
def add(
    detector: DetectorFolder,
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
    why = "" if acknowledged else "of a group that it knows: "
    print_list(f"{why}remembered, without a say in thresholds", result.remembered)
    print_list("added", result.added)
    print_list(
        "of these too short for motion, which takes more than a second: only their look was learned",
        result.without_motion,
    )
    if acknowledged and loaded.cycles and result.remembered:
        note("what comes at each phase of the cycle is not learned anew: false alarms by cycle may come again")
    if result.added:
        _print_detector(result.detector)
    out.print(f"detector: {shown(detector)}", markup=False)


def _print_detector(detector: Detector) -> None:
    """What was learned, and what the thresholds promise."""
    record, footage = detector.record, detector.record.footage
    units = footage.held_out.units
    out.print(
        f"learned from {count(len(footage.recordings), 'recording')}, {_hours(footage.hours)} of normal footage",
        markup=False,
    )
    if footage.held_out_by == "stretch":
        one, kind = "stretch", "stretches"
        note(
            "all footage is of one group, so thresholds come from other stretches of the same recording. Another day "
            "may look different: add recordings of several days"
        )
    else:
        one, kind = (
            ("recording", "recordings")
            if units == len(footage.recordings)
            else ("group of recordings", "groups of recordings")
        )
    uncounted = footage.hours - footage.held_out.hours
    if uncounted * 3600 > 1:
        note(
            f"not counted: {_hours(uncounted)} of one group, because others of this group were remembered when they "
            "were scored"
        )
    if "motion" not in record.thresholds:
        note("look alone is used: motion takes recordings of two seconds or more")
    if record.cycle_note:
        out.print(record.cycle_note, markup=False)
    if detector.still is None:
        note("too little of the picture stands still to tell shaking and flicker from what happens: they would alarm")
    alarms = sum(threshold.alarms for threshold in record.thresholds.values())
    state = "kept" if record.keeps_promise else "not enough footage to keep it"
    out.print(
        f"promise {record.promise}: {state}. Thresholds come from {units} {one if units == 1 else kind}, "
        f"each held out, with {count(alarms, 'false alarm')}. On new footage like this, expect at most "
        f"{_rate(record.expected_per_hour)}; alarms within 5 minutes count once",
        markup=False,
    )
    if not record.keeps_promise:
        needed = record.recordings_needed
        out.print(
            f"the promise takes {needed} {one if needed == 1 else kind} like these, {_hours(record.hours_needed)}",
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
    if result.disturbed_per_hour is not None and result.most_disturbed_per_hour is not None:
        rate = _rate(result.disturbed_per_hour) if result.disturbed_stretches else "none"
        out.print(
            f"false alarms: {len(result.false_alarms)} in {_hours(result.normal_hours)} of normal footage. "
            f"Stretches of up to 5 minutes with a false alarm: {rate} in this test; in the long run at most "
            f"{_rate(result.most_disturbed_per_hour)}, with 95 % confidence (testing more normal footage lowers "
            "this limit)",
            markup=False,
        )
    _print_areas(result.curves)
    missed = [fault for fault in result.faults if fault.alarm is None]
    print_list("missed", [f"{f.recording} at {f.fault.start_seconds:.1f} s: {f.fault.label}" for f in missed])
    print_list(
        "false alarms",
        [f"{f.recording} at {f.alarm.start_seconds:.1f} s, by {f.alarm.kind}" for f in result.false_alarms],
    )


def _print_areas(curves: Mapping[str, Curve]) -> None:
    """Areas under the ROC curve: the columns in which there is one."""
    columns = {
        "within recordings": [_area(curve.macro, curve.macro_interval) for curve in curves.values()],
        "all frames": [_area(curve.micro) for curve in curves.values()],
        "recordings": [_area(curve.recordings) for curve in curves.values()],
    }
    columns = {title: cells for title, cells in columns.items() if any(cells)}
    if not columns:
        return
    table = Table("area under the ROC curve", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in columns:
        table.add_column(title, justify="right")
    for name, *cells in zip(curves, *columns.values(), strict=True):
        table.add_row(escape(name), *cells)
    out.print(table)


def _area(area: float | None, interval: tuple[float, float] | None = None) -> str:
    """An area, perhaps with its interval; empty if there is none."""
    if area is None:
        return ""
    return f"{area:.2f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")


def _print_simulation(simulation: FaultSimulation) -> None:
    """What would be found of each fault, and the verdict."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("simulated fault", "made", "found", "95 % interval", "by look", "by motion", "typical delay"):
        table.add_column(column, justify="left" if column == "simulated fault" else "right")
    for row in simulation.shares:
        delay = "" if row.median_delay_seconds is None else f"{row.median_delay_seconds:.1f} s"
        interval = f"{row.found.low:.0%} to {row.found.high:.0%}"
        shares = (f"{row.found.value:.0%}", interval, f"{row.look.value:.0%}", f"{row.motion.value:.0%}")
        table.add_row(escape(row.fault), str(row.count), *shares, delay)
    out.print(table)
    if simulation.not_made:
        note(f"not made, because nothing in this footage allows it: {', '.join(simulation.not_made)}")
    for reason in simulation.skipped:
        note(f"skipped: {reason}")
    for verdict in simulation.verdicts[1:] if len(simulation.verdicts) > 2 else ():
        figures = f"look {verdict.look:.0%}, look or motion {verdict.both:.0%}"
        out.print(f"faults of {verdict.about}: {verdict.answer} ({figures})", markup=False)
    out.print(simulation.verdict.sentence, markup=False, style="bold")


def _hours(hours: float) -> str:
    """A duration in words."""
    if hours < 1 / 60:
        return count(round(hours * 3600), "second")
    return count(round(hours * 60), "minute") if hours < 2 else f"{hours:.1f} hours"


def _rate(per_hour: float) -> str:
    """A rate in words."""
    if per_hour >= 1:
        return f"{per_hour:.3g} per hour"
    return f"{per_hour * 24:.3g} per day" if per_hour * 24 >= 1 else f"{per_hour * 168:.3g} per week"
