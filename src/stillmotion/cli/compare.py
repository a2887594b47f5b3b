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
from stillmotion.formatting import count
from stillmotion.models import FAMILIES, caption

if TYPE_CHECKING:
    from stillmotion.comparison import Comparison, ModelResult


def compare(
    data: options.Data,
    out_folder: Annotated[
        Path | None,
        options.out_folder("Folder for the runs and the report.", show_default="the data set's name with -comparison"),
    ] = None,
    families: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help=f"Compare these model families instead: {', '.join(FAMILIES)}.",
            show_default="the ladder, on whose rungs all of them compete",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="What turns frames into features: small, which is trained from nothing; efficientnet-lite0 or -lite2; "
            "a keras.applications or keras_hub: name; FILE.keras:LAYER or FILE.h5:LAYER.",
            show_default="small, and efficientnet-lite0 if it is installed",
        ),
    ] = None,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Train the last stages of pretrained backbones, too.")
    ] = False,
    frames: options.Frames = None,
    rate: options.RateText = "auto",
    size: options.SizeText = "64",
    preset: options.PresetChoice = "standard",
    epochs: options.Epochs = None,
    input_: options.Input = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="mean|max|mean+max|attention|set|vote",
            help="How families that you name combine frames; on the ladder, several ways compete.",
            show_default="mean",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of trainings per model, each with its own seed.", min=1)] = 1,
    folds: Annotated[
        int,
        typer.Option(help="Number of grouped cross-validation folds (0: a single split). For small data sets.", min=0),
    ] = 0,
    effort: Annotated[
        Effort,
        typer.Option(
            help="How many settings to try per contender, on the validation part only. "
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
    metric: options.MetricChoice = "accuracy",
    sequential: options.Sequential = False,
    flip: options.Flip = False,
    group: options.Group = None,
    frame_rate: options.FrameRate = None,
    split: options.Split = "0.7,0.15,0.15",
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    include: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="Test this model of yours, too, with its card beside it. Can be repeated. If a still and a motion "
            "model are among them, the verdict is about these.",
            show_default=False,
        ),
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            metavar="PLACE",
            help="Where work runs side by side: local (as many as cores and memory allow), processes:N, ray, or "
            "ray://HOST:PORT. On equal machines, results do not depend on it.",
        ),
    ] = "local",
) -> None:
    """Train still and motion models on the same clips and report which one you need.

    If interrupted, run the same command again to resume.

    Example: stillmotion compare clips/ --out comparison
    """
    from stillmotion.comparison import run_to_use
    from stillmotion.experiments import check_included, default_folder, read_labeled, run_comparison

    check_included(include or ())

    families_ = None if families is None else options.read_families(families)
    backbones = None if backbone is None else options.read_backbones(backbone)
    rate_, size_ = options.read_rate(rate), options.read_size(size)
    fractions = options.read_split(split)
    videos = read_labeled(data, group=group, frame_rate=frame_rate)
    folder = out_folder or default_folder(data)
    check_folder(folder)
    load_backend()
    with bar() as progress:
        comparison = run_comparison(
            videos,
            out=folder,
            families=families_,
            backbones=backbones,
            finetune=finetune,
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
            metric=metric,
            sequential=sequential,
            flip=flip,
            fractions=fractions,
            seed=seed,
            overwrite=overwrite,
            include=include or (),
            on=on,
            progress=progress,
        )
    _show(comparison)
    out.print(f"report: {shown(folder / 'report.html')}", markup=False)
    if run := run_to_use(comparison):
        out.print(f"label new videos: stillmotion predict {shown(folder / run)} VIDEO", markup=False)
    out.print(f"one page to print, without pictures: {shown(folder / 'summary.html')}", markup=False)


def _show(comparison: Comparison) -> None:
    from stillmotion.comparison import verdict_notes

    out.print(comparison.guessing_sentence, markup=False)
    out.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    ladder = comparison.ladder is not None
    names = ("rung", "contender") if ladder else ("family",)
    accuracy = "mean recall" if comparison.balanced else "accuracy"
    for column in (*names, "sees", accuracy, "95 % interval", "ms/clip", "trained"):
        table.add_column(column, justify="left" if column in (*names, "sees") else "right", no_wrap=True)
    for name, model in comparison.models.items():
        cost, measured = model.cost, comparison.measured(name)
        table.add_row(
            name,
            *([_winners(model)] if ladder else []),
            caption(name),
            f"{measured.value:.1%}",
            f"{measured.low:.1%} to {measured.high:.1%}",
            f"{cost.milliseconds_per_clip or 0:.1f}",
            f"{cost.train_seconds or 0:.0f} s",
        )
    guessing = comparison.measured_guessing
    if guessing is not None:
        table.add_row("guessing", *([""] if ladder else []), "the most frequent label", f"{guessing:.1%}")
    out.print(table)
    verdict = comparison.verdict
    if verdict is None:
        out.print("no verdict: it needs a still and a motion model")
        return
    out.print()
    out.print(f"[bold]{verdict.answer}[/bold]")
    out.print(verdict.sentence, markup=False)
    for line in verdict_notes(verdict):
        out.print(line, markup=False)
    for advice in comparison.advice:
        if advice.topic == "next_steps" and advice.code != "label_videos":  # which the last lines say with the path
            out.print(f"next: {advice.text}", markup=False)
    for warning in verdict.warnings:
        note(f"warning: {warning.text}")


def _winners(model: ModelResult) -> str:
    """The contenders that were chosen, most often first, and in how many folds if not in all."""
    chosen = sorted(((len(one.chosen_folds), one.name) for one in model.contenders if one.chosen_folds), reverse=True)
    return ", ".join(name if len(chosen) == 1 else f"{name} ({count(folds, 'fold')})" for folds, name in chosen)
