"""stillmotion audit"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, shown
from stillmotion.cli.model_facts import Facts, note_unsafe, takes_facts

if TYPE_CHECKING:
    from stillmotion.audit import Audit

MAX_SHOWN = 5  # faults that the model is most sensitive to


@takes_facts(without="inputs")
def audit(
    model: options.ModelPath,
    videos: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO", parser=options.read_path, help="Videos, or folders of videos.", show_default=False
        ),
    ],
    snapshots: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of pictures: taken from the videos, of any size.", show_default=False
        ),
    ] = None,
    frame_reader: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Your own frame reader: a function from a path to arrays, exactly as you feed them to the model.",
            show_default=False,
        ),
    ] = None,
    *,
    facts: Facts,
    find_preprocessing: Annotated[
        bool,
        typer.Option(
            "--find-preprocessing",
            help="Find the preprocessing used in training, from labeled snapshots (one folder per label).",
        ),
    ] = False,
    no_sensitivity: Annotated[
        bool, typer.Option("--no-sensitivity", help="Skip the sensitivity table, which takes longest.")
    ] = False,
    out_folder: Annotated[
        Path | None, options.out_folder("Write audit.json and audit.html to this folder.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find out why a model predicts differently on a video than on a snapshot.

    Example: stillmotion audit model.keras clips/ --snapshots stills/ --frame-reader app:read_frames --out audit
    """
    from stillmotion.audit import check_arguments
    from stillmotion.files import make_folder
    from stillmotion.models.given_facts import GivenFacts

    check_arguments(model, GivenFacts(**facts))
    if out_folder is not None:
        make_folder(out_folder)
    note_unsafe(model, facts)
    load_backend()
    from stillmotion.audit import as_json as to_json, audit_model, write_audit

    with bar("audit") as progress:
        result = audit_model(
            model,
            videos,
            snapshots=snapshots,
            frame_reader=frame_reader,
            **facts,
            find_preprocessing=find_preprocessing,
            sensitivity=not no_sensitivity,
            progress=progress,
        )
    for line in result.notes:
        note(line)
    if as_json:
        typer.echo(to_json(result))
    else:
        _print(result)
    if out_folder is not None:
        from stillmotion.reports.auditing import write_audit_page

        write_audit(result, out_folder)
        note(shown(write_audit_page(out_folder)))


def _print(audit: Audit) -> None:
    """The summary, what failed, the fixes, and what the model is sensitive to."""
    out.print(escape(audit.summary))
    for check in audit.consistency:
        if not check.passed:
            out.print(f"[red]failed[/red]: {escape(check.name)}: {escape(check.fix)}")
    known = [cause for cause in audit.causes if cause.cause != "unexplained"]
    if known:
        out.print()
        out.print("Fixes, largest effect first:")
    for cause in known:
        interval = f"{cause.low:.0%} to {cause.high:.0%} of the {cause.explains}"
        out.print(f"  {escape(cause.name)} ({interval}): {escape(cause.fix)}")
    if audit.preprocessing:
        out.print()
        out.print("Likeliest preprocessing in training:")
    for way in audit.preprocessing[:3]:
        out.print(
            f"  {way.input_range}, {way.channels}, {way.framing}, {way.resizing}: {way.accuracy:.0%} correct, "
            f"probability {way.probability:.2f}, likeliest in {way.best:.0%} of resamples of the snapshots"
        )
    if audit.sensitivity:
        flips: dict[str, float] = {}
        for row in audit.sensitivity:
            flips[row.name] = max(flips.get(row.name, 0.0), row.flips)
        worst = [name for name in sorted(flips, key=lambda name: -flips[name])[:MAX_SHOWN] if flips[name] > 0]
        listed = ", ".join(f"{name} ({flips[name]:.0%} of labels change)" for name in worst)
        out.print()
        out.print(f"Most sensitive to: {listed or 'nothing that was tried (no label changes)'}")
