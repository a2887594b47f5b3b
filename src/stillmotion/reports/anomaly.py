"""The page of an anomaly detector: what it would find, what it found, and what its promise rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from stillmotion.anomaly import Detector, DetectorEvaluation, FaultSimulation, load_detector
from stillmotion.errors import UsageError
from stillmotion.files import atomic_write, make_folder
from stillmotion.reports.anomaly_pictures import Figure, picture_figures
from stillmotion.reports.anomaly_timelines import RecordingView, view_recordings
from stillmotion.reports.geometry import scale, ticks
from stillmotion.reports.rendering import MINUS, PERCENT, count, environment
from stillmotion.reports.writing import page_script

KIND_TITLES = {"look": "How something looks", "motion": "How something moves", "sequence": "What happens when"}
# What was held out: one of it, and several.
HELD_OUT = {
    "stretch": ("stretch", "stretches"),
    "group": ("recording or group of them", "recordings or groups of them"),
}
ANSWER_CLASSES = {"motion needed": "motion-needed", "look suffices": "stills-suffice"}


def write_anomaly_report(
    detector: Detector | str | Path,
    out: str | Path,
    *,
    simulation: FaultSimulation | None = None,
    evaluation: DetectorEvaluation | None = None,
    pictures: bool = True,
) -> Path:
    """Write the page of an anomaly detector: one HTML file that needs nothing else.

    Args:
        detector: a detector or its folder.
        out: the page.
        simulation: what `simulate_faults` returned: what would be found.
        evaluation: what `evaluate_detector` returned: what was found. Pictures come from the tested recordings.
        pictures: whether the page shows frames.

    Returns:
        The path of the page.

    Raises:
        UsageError: there is nothing to report, no such detector, or `out` does not end in .html or .htm.
        StillmotionError: the page cannot be written.

    Examples:
        >>> simulation = sm.simulate_faults("detector", "normal/")
        >>> sm.write_anomaly_report("detector", "report.html", simulation=simulation).name
        'report.html'
    """
    path = Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out or repr(str(out))}: give the page a name that ends in .html")
    if simulation is None and evaluation is None:
        raise UsageError("nothing to report: give a simulation or an evaluation")
    detector = detector if isinstance(detector, Detector) else load_detector(detector)
    page = render_anomaly_report(detector, simulation, evaluation, pictures=pictures)
    make_folder(path.parent)
    with atomic_write(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
    return path


def render_anomaly_report(
    detector: Detector,
    simulation: FaultSimulation | None,
    evaluation: DetectorEvaluation | None,
    *,
    pictures: bool = True,
) -> str:
    """The page as text; arguments as for `write_anomaly_report`."""
    views = view_recordings(evaluation, pictures=pictures) if evaluation else []
    script, script_hash = page_script()
    title, tone = _choose_title(simulation, evaluation)
    return (
        environment()
        .get_template("anomaly.html")
        .render(
            name=detector.folder.name,
            title=title,
            tone=tone,
            lead=_lead(simulation) if simulation else "",
            promised=_promised(detector.record.promise),
            record=detector.record,
            footage=detector.record.footage,
            held_out=HELD_OUT[detector.record.footage.held_out_by],
            simulation=simulation,
            evaluation=evaluation,
            verdict_plot=_verdict_plot(simulation) if simulation else None,
            shares=_shares_by_kind(simulation) if simulation else {},
            kind_titles=KIND_TITLES,
            answer_classes=ANSWER_CLASSES,
            examples=picture_figures(simulation, missed=False) if simulation and pictures else [],
            missed=_missed(simulation, pictures) if simulation else [],
            views=views,
            missed_in_test=[fault for fault in evaluation.faults if fault.alarm is None] if evaluation else [],
            area_columns=_area_columns(evaluation) if evaluation else {},
            megabytes=sum(len(view.sheet.uri) for view in views if view.sheet) / 1e6,
            script=Markup(script),
            script_hash=script_hash,
        )
    )


def _choose_title(simulation: FaultSimulation | None, evaluation: DetectorEvaluation | None) -> tuple[str, str]:
    """The answer in a few words, and its color."""
    if simulation is not None:
        answer = simulation.verdict.answer
        return answer.capitalize(), ANSWER_CLASSES.get(answer, "undecided")
    assert evaluation is not None
    found = sum(fault.alarm is not None for fault in evaluation.faults)
    alarms = len(evaluation.false_alarms)
    false = count(alarms, "false alarm") if alarms else "no false alarms"
    if not evaluation.faults:
        return false.capitalize(), "none"
    return f"{found} of {count(len(evaluation.faults), 'fault')} found, {false}", "none"


def _lead(simulation: FaultSimulation) -> str:
    """What the answer rests on: the title says the answer already."""
    figures = simulation.verdict.sentence
    for answer in ("Motion is needed: ", "Look suffices: ", "Undecided: "):
        figures = figures.removeprefix(answer)
    spaced = figures.replace(" %", "%").replace("%", PERCENT)
    return spaced[0].upper() + spaced[1:]


def _promised(promise: str) -> str:
    """1/hour -> 1 false alarm per hour."""
    alarms, per = promise.split("/")
    return f"{count(float(alarms), 'false alarm')} per {per}"


def _shares_by_kind(simulation: FaultSimulation) -> dict[str, list[Any]]:
    """What would be found, by kind of fault; in each, what is found most comes first."""
    from stillmotion.anomaly.faults import FAULTS

    kinds: dict[str, list[Any]] = {}
    for kind in KIND_TITLES:
        shares = [share for share in simulation.shares if FAULTS[share.fault].kind == kind]
        if shares:
            kinds[kind] = sorted(shares, key=lambda share: -share.found.value)
    return kinds


def _missed(simulation: FaultSimulation, pictures: bool) -> Sequence[Figure]:
    return picture_figures(simulation, missed=True) if pictures else []


def _area_columns(evaluation: DetectorEvaluation) -> dict[str, str]:
    """The kinds of areas that there are, as attributes of `Curve`, and what they are called."""
    titles = {"macro": "within recordings", "micro": "all frames", "recordings": "recordings"}
    curves = evaluation.curves.values()
    return {kind: title for kind, title in titles.items() if any(getattr(curve, kind) is not None for curve in curves)}


def _verdict_plot(simulation: FaultSimulation) -> dict[str, Any]:
    """The difference that motion makes, its interval and the margin, in points."""
    verdict = simulation.verdict
    low = min(-0.1, verdict.low - 0.08)
    high = max(verdict.high + 0.1, verdict.margin + 0.3)
    x = scale(low, high)
    marks = ticks(100 * low, 100 * high, 6)
    return {
        "zero": x(0.0),
        "margin": x(verdict.margin),
        "low": x(verdict.low),
        "high": x(verdict.high),
        "difference": x(verdict.difference),
        "ticks": [(x(mark / 100), f"{mark:+g}".replace("-", MINUS) if mark else "0") for mark in marks],
    }


__all__ = ["RecordingView", "render_anomaly_report", "write_anomaly_report"]
