"""stillmotion compare: the main job"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, note, out, shown
from stillmotion.experiments.choices import Effort
from stillmotion.files import check_folder
from stillmotion.models import FAMILIES

if TYPE_CHECKING:
    from stillmotion.comparison import Comparison


def compare(
    data: options.Data,
    out_folder: Annotated[
        Path | None,
        options.out_folder("Folder for the runs and the report.", show_default="the data set's name with -comparison"),
    ] = None,
    families: Annotated[
        str, typer.Option(metavar="A,B,...", help="Comma-separated model families to train.")
    ] = ",".join(FAMILIES),
    frames: options.Frames = None,
    rate: options.RateText = "auto",
    size: options.SizeText = "64",
    preset: options.PresetChoice = "standard",
    epochs: options.Epochs = None,
    input_: options.Input = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="mean|max|vote",
            help="How the still model combines frame scores; use max if one frame is enough to tell the label.",
            show_default="mean",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of trainings per family, each with its own seed.", min=1)] = 1,
    folds: Annotated[
        int,
        typer.Option(help="Number of grouped cross-validation folds (0: a single split). For small data sets.", min=0),
    ] = 0,
    effort: Annotated[
        Effort,
        typer.Option(
            help="How many settings to try per family, on the validation part only. "
            "'standard' and 'thorough' also train control models.",
        ),
    ] = "quick",
    time_budget: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            help="Total training time, divided evenly. It sets the number of epochs.",
            show_default=False,
            min=0.1,
        ),
    ] = None,
    margin: options.Margin = 0.05,
    flip: options.Flip = False,
    group: options.Group = None,
    frame_rate: options.FrameRate = None,
    split: options.Split = "0.7,0.15,0.15",
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    processes: Annotated[
        int | None,
        typer.Option(
            help="How many trainings run side by side. The results do not depend on it.",
            show_default="by cores and memory",
            min=1,
        ),
    ] = None,
) -> None:
    """Train still and motion models with equal budgets and report which one you need.

    If interrupted, run the same command again to resume.

    Example: stillmotion compare clips/ --out comparison
    """
    from stillmotion.experiments import default_folder, read_labeled, run_comparison

    names, rate_, size_ = options.read_families(families), options.read_rate(rate), options.read_size(size)
    fractions = options.read_split(split)
    videos = read_labeled(data, group=group, frame_rate=frame_rate)
    folder = out_folder or default_folder(data)
    check_folder(folder)
    load_backend()
    with bar() as progress:
        comparison = run_comparison(
            videos,
            out=folder,
            families=names,
            frames=frames,
            rate=rate_,
            size=size_,
            preset=preset,
            epochs=epochs,
            input=input_,
            pool=pool,
            seeds=seeds,
            folds=folds,
            effort=effort,
            time_budget_minutes=time_budget,
            margin=margin,
            flip=flip,
            fractions=fractions,
            seed=seed,
            overwrite=overwrite,
            processes=processes,
            progress=progress,
        )
    _show(comparison)
    out.print(f"report: {shown(folder / 'report.html')}", markup=False)


def _show(comparison: Comparison) -> None:
    from stillmotion.comparison import verdict_notes

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("family", "accuracy", "95 % interval", "macro-F1", "parameters", "ms/clip", "trained"):
        table.add_column(column, justify="left" if column == "family" else "right", no_wrap=True)
    for name, family in comparison.models.items():
        cost = family.cost
        table.add_row(
            name,
            f"{family.accuracy.value:.1%}",
            f"{family.accuracy.low:.1%} to {family.accuracy.high:.1%}",
            f"{family.macro_f1.value:.3f}",
            f"{cost.parameters or 0:,}",
            f"{cost.milliseconds_per_clip or 0:.1f}",
            f"{cost.train_seconds or 0:.0f} s",
        )
    out.print(table)
    verdict = comparison.verdict
    if verdict is None:
        out.print("no verdict: it needs a still and a motion family")
        return
    out.print()
    out.print(f"[bold]{verdict.answer}[/bold]")
    out.print(verdict.sentence, markup=False)
    for line in verdict_notes(verdict):
        out.print(line, markup=False)
    for advice in comparison.advice:
        if advice.topic == "next_steps":
            out.print(f"next: {advice.text}", markup=False)
    for warning in verdict.warnings:
        note(f"warning: {warning.text}")
