"""stillmotion audit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, shown


def audit(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A run's folder, .keras, .h5 or a SavedModel folder.", show_default=False),
    ],
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO", help="Videos, or folders of them.", show_default=False)
    ],
    snapshots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pictures of moments in the videos, of any size.", show_default=False),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Your own frame reader: a function from a path to arrays as you feed them to the model.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Class names: a line each, or JSON.", show_default=False)
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help="What the model is fed: 0..255, 0..1, -1..1 ...",
            show_default="found out",
        ),
    ] = None,
    channels: Annotated[str, typer.Option(metavar="rgb|bgr", help="In what order it is fed.")] = "rgb",
    find_preprocessing: Annotated[
        bool,
        typer.Option(
            "--find-preprocessing", help="Search for the preprocessing that labelled snapshots (a folder a label) fit."
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the table of what the model is sensitive to.")
    ] = False,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="For audit.json and audit.html.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print audit.json.")] = False,
    custom: Annotated[
        str | None,
        typer.Option(metavar="MODULE", help="A module that defines the model's custom layers.", show_default=False),
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Let Python code in the model's file run. It can do anything you can.")
    ] = False,
) -> None:
    """Find out why a model says one thing on the video and another on the snapshot.

    Example: stillmotion audit model.keras clips/ --snapshots stills/ --frames app:read_frames --out audit
    """
    from stillmotion.files import make_folder

    if out_folder is not None:
        make_folder(out_folder)
    if unsafe:
        note(f"--unsafe: Python code inside {model} may run, with all your rights")
    load_backend()
    from stillmotion import audit as auditing

    with bar("audit") as progress:
        found = auditing.audit_model(
            model,
            videos,
            snapshots=snapshots,
            frames=frames,
            labels=labels,
            scale=scale,
            channels=channels,
            custom=custom,
            unsafe=unsafe,
            find_preprocessing=find_preprocessing,
            sensitivity=not quick,
            progress=progress,
        )
    for line in found.notes:
        note(line)
    if as_json:
        typer.echo(auditing.as_json(found))
    else:
        _show(found)
    if out_folder is not None:
        from stillmotion.reports.auditing import write_audit_page

        auditing.write_audit(found, out_folder / "audit.json")
        note(shown(write_audit_page(out_folder)))


def _show(found: "auditing.Audit") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
    out.print(escape(found.answer))
    for check in found.consistency:
        if not check.passed:
            out.print(f"[red]fails[/red]: {escape(check.name)}. {escape(check.cure)}")
    cured = [cause for cause in found.causes if cause.cause != "unexplained"]
    if cured:
        out.print()
        out.print("To mend it, the largest first:")
    for cause in cured:
        out.print(f"  {escape(cause.cause)} ({cause.low:.0%} to {cause.high:.0%} of the change): {escape(cause.cure)}")
    if found.preprocessing:
        out.print()
        out.print("The model was evidently trained with:")
        for way in found.preprocessing[:3]:
            out.print(
                f"  {way.scale}, {way.channels}, {way.framing}, {way.resizing}: "
                f"{way.accuracy:.0%} right, probability {way.probability:.2f}, "
                f"the likeliest in {way.best:.0%} of resamplings of the snapshots"
            )
    if found.sensitivity:
        worst: dict[str, float] = {}
        for row in found.sensitivity:
            worst[row.fault] = max(worst.get(row.fault, 0.0), row.flips)
        most = [name for name in sorted(worst, key=lambda name: -worst[name])[:5] if worst[name] > 0]
        told = ", ".join(f"{name} ({worst[name]:.0%} of labels flip)" for name in most)
        out.print()
        out.print(f"Most sensitive to: {told or 'nothing that was tried: no label flips'}")
