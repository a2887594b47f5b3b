"""stillmotion compare: the main job"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import note, out, shown
from stillmotion.cli.dataset import open_data, read_labelled
from stillmotion.cli.rounds import Plan, run_plan
from stillmotion.cli.verdict import describe
from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES, check_options
from stillmotion.training import EFFORTS

if TYPE_CHECKING:
    from stillmotion.comparison import Comparison


def compare(
    data: options.Data,
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="OUT",
            help="Where runs and report go.",
            show_default="DATA's name and -comparison",
            parser=options.read_folder,
        ),
    ] = None,
    families: Annotated[str, typer.Option(help="Which to train, comma between.")] = ",".join(FAMILIES),
    frames: options.Frames = None,
    rate: options.RateText = "auto",
    size: options.SizeText = "64",
    epochs: options.Epochs = None,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="rgb|difference|both", help="What the motion families see.", show_default=False
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="mean|max|vote",
            help="What a still model makes of its frames; max is for labels that one moment tells.",
            show_default="mean",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many times each is trained.", min=1)] = 1,
    folds: Annotated[
        int,
        typer.Option(help="Cross-validation: so many parts by group, each tested once. For small data.", min=0),
    ] = 0,
    effort: Annotated[
        str,
        typer.Option(metavar="|".join(EFFORTS), help="Settings tried for each family, on the validation part only."),
    ] = "quick",
    minutes: Annotated[
        float | None,
        typer.Option(help="Time to spend on training, evenly. It sets the epochs.", show_default=False, min=0.1),
    ] = None,
    margin: Annotated[
        float, typer.Option(help="The smallest gain in accuracy that is worth motion.", min=0, max=0.99)
    ] = 0.05,
    flip: options.Flip = False,
    precision: options.Precision = "float32",
    group: options.Group = None,
    split: options.Split = "0.7,0.15,0.15",
    seed: options.Seed = 0,
    tensorboard: options.Tensorboard = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Does your video need motion? Train still and motion models equally hard, test them, and say.

    Interrupted, the same command goes on where it was.

    Example: stillmotion compare clips/ --out comparison
    """
    from stillmotion.files import check_folder, folder_lock

    names = options.read_families(families)
    pixels, classic = options.read_size(size)
    options.check_precision(precision)
    given = {name: value for name, value in (("input", input_), ("pool", pool)) if value is not None}
    own = {family: {name: given[name] for name in given if name in FAMILIES[family].options} for family in names}
    for family, chosen in own.items():
        check_options(family, chosen)
    if effort not in EFFORTS:
        raise UsageError(f"--effort {effort!r}: expected one of {', '.join(EFFORTS)}")
    if folds == 1:
        raise UsageError("--folds 1: cross-validation takes 2 or more")
    if minutes and epochs:
        raise UsageError("--minutes sets the epochs: give it or --epochs")
    fractions, fps = options.read_split(split), options.read_rate(rate)
    count = frames or (10 if classic else 16)
    videos = read_labelled(data, group=group)
    folder = out_folder or Path(f"{data.resolve().stem}-comparison")
    check_folder(folder)
    opened = open_data(videos, fractions=fractions, seed=seed, rate=fps, frames=count, folds=folds)
    with folder_lock(folder):
        load_backend()
        import stillmotion as sm
        from stillmotion.cli.closer import look_closer

        # Every family gets the same clips, augmentation, epochs and search.
        recipes = [
            sm.make_recipe(
                family,
                spec=sm.ClipSpec(count, opened.rate, pixels),
                augment=sm.Augment(flip=flip),
                precision=precision,
                **classic,
                **own[family],
                **({"epochs": epochs} if epochs else {}),
            )
            for family in names
        ]
        plan = Plan(recipes, range(seed, seed + seeds), folder, effort, minutes, overwrite, tensorboard)
        runs, searches = run_plan(plan, opened.folds)

        # Predictions in, verdict out.
        comparison = sm.compare(runs, margin=margin, seed=seed, relative_to=folder)
        skipped = [{"path": one.video.name, "reason": one.reason} for one in opened.skipped]
        data_record = {**comparison.data, "skipped": [*skipped, *comparison.data["skipped"]]}
        families_record = {
            name: dataclasses.replace(family, figures={**family.figures, "search": searches[name]})
            for name, family in comparison.families.items()
        }
        comparison = dataclasses.replace(comparison, data=data_record, families=families_record)
        usable = opened.test.only([video for part in opened.folds[0] for video in part])
        comparison = look_closer(comparison, runs, plan, usable)
        sm.write_comparison(comparison, folder)
        report = sm.write_report(folder)

    _show(comparison)
    out.print(f"report: {shown(report)}", markup=False)


def _show(comparison: Comparison) -> None:
    from markupsafe import Markup

    from stillmotion.reports.advice import actions
    from stillmotion.reports.records import Record

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("family", "accuracy", "95 % interval", "macro-F1", "parameters", "ms a clip", "trained"):
        table.add_column(column, justify="left" if column == "family" else "right", no_wrap=True)
    for name, family in comparison.families.items():
        figures = family.figures
        table.add_row(
            name,
            f"{figures['accuracy']:.1%}",
            f"{figures['accuracy_low']:.1%} to {figures['accuracy_high']:.1%}",
            f"{figures['macro_f1']:.3f}",
            f"{figures['parameters']:,}",
            f"{figures['milliseconds_per_clip']:.1f}",
            f"{figures['train_seconds']:.0f} s",
        )
    out.print(table)
    verdict = comparison.verdict
    if verdict is None:
        out.print("no verdict: it takes a still and a motion family")
        return
    out.print()
    out.print(f"[bold]{verdict.answer}[/bold]")
    out.print(verdict.sentence, markup=False)
    for line in describe(verdict):
        out.print(line, markup=False)
    for line in actions(Record(comparison), verdict):
        out.print(f"next: {Markup(line).striptags()}", markup=False)
    for warning in verdict.warnings:
        note(f"warning: {warning}")
