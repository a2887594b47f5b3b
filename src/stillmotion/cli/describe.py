"""stillmotion describe"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend, silent
from stillmotion.cli.console import note, out, shown
from stillmotion.cli.model_facts import Facts, check_model, takes_facts
from stillmotion.errors import StillmotionError


@takes_facts()
def describe(
    model: options.ModelPath,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the model card there.", show_default="beside the model"),
    ] = None,
    *,
    facts: Facts,
    snapshots: options.Snapshots = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find out how a model is fed and what it returns, and write its card, which all commands read.

    Example: stillmotion describe old.h5 --snapshots stills/
    """
    check_model(model, facts)
    load_backend()
    from stillmotion.models.card_files import card_file, write_card
    from stillmotion.models.cards import find_run
    from stillmotion.prediction import describe_model

    with silent():
        card = describe_model(model, **facts, snapshots=snapshots)
    if as_json:
        typer.echo(card.model_dump_json(indent=1))
    else:
        out.print(_make_table(card))
    if missing := card.missing_for_videos:
        wanted = ", ".join("--" + name.replace("_", "-") for name in missing)
        purpose = "predict, stream and export" if card.missing else "predict and stream videos"
        can_be_measured = {"input_range", "channels"} & set(missing)
        hint = "; labeled --snapshots find out input range and channels" if can_be_measured else ""
        note(f"unknown, and needed to {purpose}: give {wanted}{hint}")
    if out_file is None and find_run(model) is not None:
        return  # A run says all of this itself.
    try:
        note(f"written: {shown(write_card(card, out_file or card_file(model)))}")
    except StillmotionError as error:
        if out_file is not None:
            raise
        note(f"not written beside the model: {error}")


def _make_table(card: Any) -> Table:
    """One row per fact."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "value", "known how", "from"):
        table.add_column(column, overflow="fold")
    table.add_row("takes", escape(card.kind), "read", "")
    for given in card.inputs:
        shape = ", ".join("any" if side is None else str(side) for side in given.shape)
        table.add_row("input", escape(f"{given.name} ({shape}) {given.dtype}"), "read", escape(given.role))
    for name, fact in card.facts.items():
        style = "yellow" if fact.source in ("assumed", "unknown") else ""
        value = ", ".join(map(str, fact.value)) if isinstance(fact.value, tuple) else fact.value
        text = "?" if value is None else str(value)
        table.add_row(name.replace("_", " "), escape(text), fact.source, escape(fact.evidence), style=style)
    return table
