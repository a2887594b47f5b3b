"""stillmotion verdict: models that we did not train"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli import options
from stillmotion.cli.console import note, out


def verdict(
    still: Annotated[
        Path,
        typer.Argument(metavar="STILL", help="The still model's predictions, CSV or Parquet.", show_default=False),
    ],
    motion: Annotated[
        list[Path],
        typer.Argument(metavar="MOTION", help="Predictions of one or more motion models.", show_default=False),
    ],
    margin: options.Margin = 0.05,
    metric: options.MetricChoice = "accuracy",
    sequential: options.Sequential = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, as in comparison.json.")] = False,
) -> None:
    """Does motion help? The verdict on tables of predictions from any models. No video is read, no model is run.

    A table has one row per video, with the columns video, label, prob_<label> for each label, and group (the recording
    that the video was cut from). Columns 'window' and 'seed' are understood. Instead of probabilities, a column
    'prediction' with the predicted label will do, or for the labels 0 and 1 a column 'prob' with the probability of 1.

    Example: stillmotion verdict still.csv motion.csv --margin 0.03
    """
    from stillmotion.comparison import decide_on_tables, verdict_notes

    decided = decide_on_tables([still, *motion], margin=margin, metric=metric, sequential=sequential)
    if as_json:
        typer.echo(json.dumps(decided.to_json(), indent=1, ensure_ascii=False))
        return
    out.print(decided.guessing_sentence, markup=False)
    out.print(f"[bold]{decided.answer}[/bold]")
    out.print(decided.sentence, markup=False)
    for line in verdict_notes(decided):
        out.print(line, markup=False)
    for warning in decided.warnings:
        note(f"warning: {warning.text}")
