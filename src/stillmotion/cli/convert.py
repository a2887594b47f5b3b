"""stillmotion convert"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend, silent
from stillmotion.cli.console import note, out, shown
from stillmotion.cli.model_facts import Facts, check_model, takes_facts


@takes_facts()
def convert(
    model: options.ModelPath,
    new: Annotated[
        Path, typer.Argument(metavar="NEW", parser=options.read_path, help="The .keras file.", show_default=False)
    ],
    *,
    facts: Facts,
    snapshots: options.Snapshots = None,
) -> None:
    """Write an old model as a .keras file that Keras 3 loads, with its card, and check that both agree.

    Example: stillmotion convert old.h5 new.keras
    """
    check_model(model, facts)
    load_backend()
    from stillmotion.prediction import convert_model

    with silent():
        result = convert_model(model, new, facts=facts, snapshots=snapshots)
    old = "the model's as Keras 2 runs it" if result.compared_with == "Keras 2" else "the model's as it was loaded here"
    out.print(f"outputs differ by at most {result.max_difference:.1e} from {old}, for {result.inputs} inputs of noise")
    if result.is_old and result.compared_with != "Keras 2":
        note("Keras 2 did not take part: with the package tf_keras, a model without custom layers is compared with it")
    note(f"written: {shown(result.file)}, and its card: {shown(result.card_file)}")
