"""stillmotion verdict: models that we did not train"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillmotion.cli.console import note, out

if TYPE_CHECKING:
    from stillmotion.comparison import Verdict


def verdict(
    still: Annotated[
        Path,
        typer.Argument(metavar="STILL", help="The still model's predictions, CSV or Parquet.", show_default=False),
    ],
    motion: Annotated[
        list[Path],
        typer.Argument(metavar="MOTION", help="Those of one motion model or more.", show_default=False),
    ],
    margin: Annotated[
        float, typer.Option(help="The smallest gain in accuracy that is worth motion.", min=0, max=0.99)
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as in comparison.json.")] = False,
) -> None:
    """Does motion help? The verdict on predictions from anywhere: no video is read and no model is run.

    A table has a row a video: video, group (the recording it was cut from), label, and prob_<label> for each label.
    The first is the still model's. Columns 'window' and 'seed' are understood.

    Example: stillmotion verdict still.csv motion.csv --margin 0.03
    """
    from stillmotion.comparison import decide_on_tables

    found = decide_on_tables([still, *motion], margin=margin)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
        return
    out.print(f"[bold]{found.answer}[/bold]")
    out.print(found.sentence, markup=False)
    for line in describe(found):
        out.print(line, markup=False)
    for line in found.warnings:
        note(f"warning: {line}")


def describe(found: Verdict) -> list[str]:
    """What a verdict says besides its sentence, a line each."""
    lines = []
    if len(found.contrasts) > 1:
        lines.append(f"{found.motion} was chosen {found.chosen}:")
        lines += [f"  {one.motion}: {_span(one.difference, one.low, one.high)}" for one in found.contrasts]
    if found.answer != "motion needed":
        within = f"the limits are {_span(None, found.equivalence_low, found.equivalence_high)}"
        lines.append(
            f"equal within {100 * found.margin:g} points either way (two one-sided tests at 5 %): "
            f"{'yes' if found.equivalent else 'not shown'}, {within}"
        )
    if found.answer != "motion needed" and found.better and found.low <= found.margin:
        lines.append("motion is surely better, though not surely by the margin")
    helped = [one for one in found.labels if one.helps]
    if helped:
        named = ", ".join(f"{one.label} ({100 * one.told:+.0f})" for one in helped[:8])
        lines.append(f"labels that motion surely tells better: {named}{', ...' if len(helped) > 8 else ''}")
    only = [" / ".join(one.labels) for one in found.pairs if one.only_motion]
    if only:
        lines.append(f"told apart only by motion: {'; '.join(only[:5])}{'; ...' if len(only) > 5 else ''}")
    return lines


def _span(value: float | None, low: float, high: float) -> str:
    span = f"{100 * low:+.1f} to {100 * high:+.1f}"
    return span if value is None else f"{100 * value:+.1f} points ({span})"
