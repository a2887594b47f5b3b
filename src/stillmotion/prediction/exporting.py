"""Export a model for another runtime, and compare it with the original before it is handed over."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.decoding import Framing
from stillmotion.errors import StillmotionError, UsageError, last_line
from stillmotion.exporting import ExportFormat, Program, Runner, Tensor, check_format, distance
from stillmotion.exporting.example import write_example
from stillmotion.files import make_folder, write_json
from stillmotion.models.adapters import adapt
from stillmotion.models.cards import ModelCard
from stillmotion.models.given_facts import GivenFacts
from stillmotion.prediction.black_boxes import BlackBox
from stillmotion.prediction.clip_models import check_complete
from stillmotion.prediction.describing import DescribedModel, open_model
from stillmotion.prediction.own_test import OwnTest, read_own_test
from stillmotion.runs import EXPORTS_FOLDER, Run, versions
from stillmotion.streaming import stream_program

# How far the exported model's predictions may be from the model's own.
TOLERANCE = 1e-4
# How many windows of noise are compared.
WINDOWS = 8


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        folder: where everything is.
        file: the exported model.
        max_difference: the largest difference between its predictions and the model's own.
        windows: how many windows of noise were compared.
        test: how well a run did on its own test part; None for other models, and runs that were not tested.
    """

    folder: Path
    file: Path
    max_difference: float
    windows: int
    test: OwnTest | None = None


def export_model(
    run: Run | str | Path | DescribedModel,
    format: str,
    out: str | Path | None = None,
    *,
    stream: bool = False,
    hop: int = 1,
    rate: float | Literal["spread"] | None = None,
    labels: str | Path | Sequence[str] | None = None,
    input_range: str | None = None,
    channels: str | None = None,
    frames: int | None = None,
    size: int | tuple[int, int] | None = None,
    framing: Framing | None = None,
    outputs: str | None = None,
    inputs: Mapping[str, str] | None = None,
    custom_objects: str | Mapping[str, Any] | None = None,
    unsafe: bool = False,
    snapshots: str | Path | None = None,
    card: ModelCard | None = None,
) -> Export:
    """Write a model in another format, with `export.json`, which describes it, and `use_it.py`, which runs it.

    What is written takes what a camera gives, uint8 RGB of the model's size: what the model's card says of its range,
    channels and outputs becomes part of it. `export.json` says how a frame of another aspect ratio gets that size.

    Args:
        run: a run, its folder, any model's file (see `describe_model`), or a model that is described already. A run is
            fed as it was trained: of the facts below, none can be given.
        format: a name in `stillmotion.exporting.FORMATS`.
        out: a folder. By default in the run's `exports/`, or in `NAME-exports/` beside the model's file.
        stream: export the step of a stream instead of the whole model. It takes `hop` new frames and a state, and
            returns the prediction of the window that ends with these frames and the next state. The first state is all
            zeros.
        hop: new frames of each step.
        rate: frames per second of a clip, which is noted in `export.json`.
        labels: class names in the order of the model's outputs; see `read_class_names`.
        input_range: see `describe_model`; so are the following.
        channels: the order of its channels.
        frames: frames of a clip.
        size: height and width.
        framing: how a frame of another aspect ratio gets this size.
        outputs: what its outputs are.
        inputs: what each of several inputs is given.
        custom_objects: custom layers and functions.
        unsafe: whether code inside the file may run.
        snapshots: a folder of pictures such as the model was trained on.
        card: its card; by default the one beside the model, if there is one.

    Returns:
        What was written, and how close it is to the model.

    Raises:
        UsageError: an unknown format, a hop larger than the window, another number of labels, or something that changes
            the model's answers and is not known.
        StillmotionError: the format cannot hold the model, its converter is not installed, or predictions differ by
            more than 1e-4.
    """
    target = check_format(format)
    facts = GivenFacts(
        input_range=input_range,
        channels=channels,
        frames=frames,
        rate=rate,
        size=size,
        framing=framing,
        labels=labels,
        outputs=outputs,
        inputs=inputs,
        custom_objects=custom_objects,
        unsafe=unsafe,
        card=card,
    )
    loaded = run if isinstance(run, DescribedModel) else open_model(run, facts, snapshots=snapshots)
    if isinstance(loaded.model, BlackBox):
        raise UsageError(f"{loaded.file}: is a file of another runtime already")
    check_complete(loaded)
    card = loaded.card
    model = loaded.model if loaded.run else adapt(loaded.model, card, clips=False)
    window = _window_frames(model)
    if not 1 <= hop <= window:
        raise UsageError(f"hop is {hop}; expected 1 to {window}, the frames of a window")
    program = stream_program(model, hop=hop) if stream else _whole_program(model, 1 if not target.any_batch else None)
    if out is not None:
        folder = Path(out)
    else:
        exports = (
            loaded.run.folder / EXPORTS_FOLDER if loaded.run else loaded.file.with_name(f"{loaded.file.stem}-exports")
        )
        folder = exports / (f"{format}-stream" if stream else format)
    make_folder(folder)
    with tempfile.TemporaryDirectory() as temporary:
        max_difference = _write_and_compare(target, format, model, program, Path(temporary), hop if stream else None)
        shutil.copytree(temporary, folder, dirs_exist_ok=True)
    test = read_own_test(loaded.run) if loaded.run else None
    about = {
        "model": model.name,
        "format": format,
        "file": target.file,
        "inputs": [asdict(tensor) for tensor in program.inputs],
        "outputs": list(program.outputs),
        "labels": list(card.labels.value or ()),
        "frames": window,
        "rate": card.rate.value if card.kind == "clip" else None,
        "framing": card.framing.value,
        "card": card.model_dump(mode="json"),
        **({"hop": hop} if stream else {}),
        "test": None if test is None else {**asdict(test), "warning": test.warning},
        "parity": {
            "max_difference": max_difference,
            "allowed": TOLERANCE,
            "windows": WINDOWS,
            "against": keras.backend.backend(),
        },
        "versions": versions(keras.backend.backend(), keras.__version__),
    }
    write_json(folder / "export.json", about)
    sizes = tuple(int(side or 0) for side in model.input_shape[1:])
    example = write_example(target.needs, target.opening, sizes, stream=stream)
    (folder / "use_it.py").write_text(example, encoding="utf-8")
    return Export(folder, folder / target.file, max_difference, WINDOWS, test)


def _write_and_compare(
    target: ExportFormat, format: str, model: keras.Model, program: Program, folder: Path, hop: int | None
) -> float:
    """Write the program into a folder, run what was written, and return how far it is from the model."""
    file = folder / target.file
    try:
        target.write(program, file)
        run = target.load(file)
        difference = _compare_whole(model, program, run) if hop is None else _compare_stream(model, program, run, hop)
    except StillmotionError as error:
        raise type(error)(f"not exported: {error}") from None
    except Exception as error:  # Converters raise errors of every kind.
        raise StillmotionError(
            f"not exported: {format} cannot hold this model ({type(error).__name__}: {last_line(error)})"
        ) from error
    # Not `>`: a difference that is not a number is refused too.
    if not difference <= TOLERANCE:
        raise StillmotionError(
            f"not exported: in {format} its predictions differ by {difference:.1e}; {TOLERANCE:.0e} is allowed"
        )
    return difference


def _window_frames(model: keras.Model) -> int:
    shape = model.input_shape
    return int(shape[1] or 1) if len(shape) == 5 else 1


def _whole_program(model: keras.Model, batch: int | None) -> Program:
    (clip,) = model.inputs
    tensor = Tensor("clip", (batch, *clip.shape[1:]), clip.dtype)
    return Program(model, lambda clips: [model(clips, training=False)], (tensor,), ("probabilities",))


def _noise(shape: Sequence[int], dtype: str) -> NDArray[Any]:
    """Noise of every contrast, because on plain noise a model predicts nearly the same for all clips."""
    rng = np.random.default_rng(0)
    contrast = rng.uniform(0, 1, (shape[0], *[1] * (len(shape) - 1)))
    return np.asarray(rng.uniform(0, 255, shape) * contrast + 128 * (1 - contrast)).astype(dtype)


def _compare_whole(model: keras.Model, program: Program, run: Runner) -> float:
    (clip,) = program.inputs
    windows = _noise((WINDOWS, *(int(side or 0) for side in clip.shape[1:])), clip.dtype)
    size = WINDOWS if clip.shape[0] is None else 1
    parts = [np.array(run({"clip": windows[at : at + size]})["probabilities"]) for at in range(0, WINDOWS, size)]
    if size > 1:
        # One clip alone must give the same as in a batch.
        parts[0][:1] = run({"clip": windows[:1]})["probabilities"]
    return distance(np.concatenate(parts), model.predict_on_batch(windows))


def _compare_stream(model: keras.Model, program: Program, run: Runner, hop: int) -> float:
    frames, *states = program.inputs
    window = _window_frames(model)
    steps = -(-window // hop) + WINDOWS - 1
    video = _noise((steps * hop, *(int(side or 0) for side in frames.shape[2:])), frames.dtype)
    state = {tensor.name: np.zeros([int(side or 0) for side in tensor.shape], tensor.dtype) for tensor in states}
    ends = range(hop, len(video) + 1, hop)
    probabilities = []
    for end in ends:
        outputs = run({"frames": video[None, end - hop : end], **state})
        state = {name: np.array(outputs[f"next_{name}"]) for name in state}
        probabilities.append(np.array(outputs["probabilities"])[0, 0])
    windows = np.stack([video[end - window : end] for end in ends[-WINDOWS:]])
    expected = model.predict_on_batch(windows if len(model.input_shape) == 5 else windows[:, 0])
    return distance(probabilities[-WINDOWS:], expected)
