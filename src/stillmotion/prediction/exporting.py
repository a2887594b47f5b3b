"""A run's model for somebody else's runtime, tried against the model before it is handed over."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.exporting import Program, Runner, Tensor, check_format, distance
from stillmotion.exporting.example import write_example
from stillmotion.files import make_folder, write_json
from stillmotion.models.inference import load_keras_model
from stillmotion.prediction.videos import check_input
from stillmotion.runs import Run, read_run, versions
from stillmotion.streaming import stream_program

# How far the exported model's answers may be from the model's own.
ALLOWED = 1e-4
# Windows of noise that are tried, and frames of a stream.
TRIED = 8

Predict = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Export:
    """What was written, and how far its answers were from the model's own: `off_by`, at most, in `windows` windows."""

    folder: Path
    file: Path
    off_by: float
    windows: int


def export_model(
    run: Run | str | Path,
    format: str,
    out: str | Path | None = None,
    *,
    stream: bool = False,
    hop: int = 1,
    labels: Sequence[str] | None = None,
) -> Export:
    """Write a model in another format, with `export.json`, which describes it, and `use_it.py`, which runs it.

    Args:
        run: a run, its folder, or a `.keras` file.
        format: a name in `stillmotion.exporting.FORMATS`.
        out: a folder. By default in the run's `exports/`, or beside the file.
        stream: the step of a stream instead of the whole model: `hop` new frames and a state in, the answer of the
            window that ends with them and the next state out; a state begins as zeros.
        labels: in the order of the model's outputs. A run has its own.

    Raises:
        UsageError: an unknown format, a hop above the window, or labels of another number.
        StillmotionError: the format cannot hold the model, its converter is not installed, or the answers differ by
            more than 1e-4.
    """
    form = check_format(format)
    model, names, rate, beside = _read(run, labels)
    shape = tuple(model.input_shape)
    window = int(shape[1] or 1) if len(shape) == 5 else 1
    if not 1 <= hop <= window:
        raise UsageError(f"hop is {hop}; expected 1 to {window}, the frames of a window")
    program = stream_program(model, hop=hop) if stream else _whole(model, 1 if not form.any_batch else None)
    folder = Path(out) if out is not None else beside / (f"{format}-stream" if stream else format)
    make_folder(folder)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / form.file
        try:
            form.write(program, file)
            found = form.load(file)
            off = _try_stream(model, program, found, hop) if stream else _try_whole(model, program, found)
        except StillmotionError as error:
            raise type(error)(f"not exported: {error}") from None
        except Exception as error:
            first = " ".join(str(error).split())[:200]
            raise StillmotionError(
                f"not exported: {format} cannot hold this model ({type(error).__name__}: {first})"
            ) from error
        if not off <= ALLOWED:
            raise StillmotionError(
                f"not exported: in {format} its answers differ by {off:.1e}; {ALLOWED:.0e} is allowed"
            )
        about = {
            "format": format,
            "file": form.file,
            "inputs": [asdict(one) for one in program.inputs],
            "outputs": list(program.outputs),
            "labels": list(names),
            "frames": window,
            "rate": rate,
            **({"hop": hop} if stream else {}),
            "parity": {"off_by": off, "allowed": ALLOWED, "windows": TRIED, "against": keras.backend.backend()},
            "versions": versions(keras.backend.backend(), keras.__version__),
        }
        kind = "step of a stream" if stream else "model of clips" if len(shape) == 5 else "model of pictures"
        title = f"{model.name}, a {kind}, as {format}: runs without stillmotion and without Keras."
        sides = tuple(int(side or 0) for side in shape[1:])
        text = write_example(title, form.needs, form.opening, sides, stream)
        shutil.copytree(place, folder, dirs_exist_ok=True)
    write_json(folder / "export.json", about)
    (folder / "use_it.py").write_text(text, encoding="utf-8")
    return Export(folder, folder / form.file, off, TRIED)


def _read(
    run: Run | str | Path, labels: Sequence[str] | None
) -> tuple[keras.Model, tuple[str, ...], float | str | None, Path]:
    """The model, its labels, its rate where that is known, and where exports go."""
    path = run.folder if isinstance(run, Run) else Path(run)
    if isinstance(run, Run) or not path.is_file() or (path.parent / "run.json").is_file():
        found = run if isinstance(run, Run) else read_run(path)
        model = load_keras_model(found.model_file)
        check_input(model, found.recipe.spec, found)
        return model, found.labels, found.recipe.spec.rate, found.folder / "exports"
    model = load_keras_model(path)
    names = tuple(labels or map(str, range(model.output_shape[-1])))
    if len(names) != model.output_shape[-1]:
        raise UsageError(f"{len(names)} labels for a model of {model.output_shape[-1]} probabilities")
    return model, names, None, path.with_name(f"{path.stem}-exports")


def _whole(model: keras.Model, batch: int | None) -> Program:
    (given,) = model.inputs
    clip = Tensor("clip", (batch, *given.shape[1:]), given.dtype)
    return Program(model, lambda tensor: [model(tensor, training=False)], (clip,), ("probabilities",))


def _noise(shape: Sequence[int], dtype: str) -> NDArray[Any]:
    """Of every contrast: a model is sure of plain noise."""
    rng = np.random.default_rng(0)
    contrast = rng.uniform(0, 1, (shape[0], *[1] * (len(shape) - 1)))
    return np.asarray(rng.uniform(0, 255, shape) * contrast + 128 * (1 - contrast)).astype(dtype)


def _try_whole(model: keras.Model, program: Program, run: Runner) -> float:
    clip = program.inputs[0]
    windows = _noise((TRIED, *(int(side or 0) for side in clip.shape[1:])), clip.dtype)
    size = TRIED if clip.shape[0] is None else 1
    parts = [np.array(run({"clip": windows[at : at + size]})["probabilities"]) for at in range(0, TRIED, size)]
    if size > 1:
        parts[0][:1] = run({"clip": windows[:1]})["probabilities"]
    return distance(np.concatenate(parts), model.predict_on_batch(windows))


def _try_stream(model: keras.Model, program: Program, run: Runner, hop: int) -> float:
    frames, *states = program.inputs
    shape = tuple(model.input_shape)
    window = int(shape[1] or 1) if len(shape) == 5 else 1
    steps = -(-window // hop) + TRIED - 1
    film = _noise((steps * hop, *(int(side or 0) for side in frames.shape[2:])), frames.dtype)
    state = {one.name: np.zeros([int(side or 0) for side in one.shape], one.dtype) for one in states}
    answers = []
    for end in range(hop, len(film) + 1, hop):
        found = run({"frames": film[None, end - hop : end], **state})
        state = {name: np.array(found[f"next_{name}"]) for name in state}
        answers.append(np.array(found["answers"])[0, 0])
    starts = [end - window for end in range(hop, len(film) + 1, hop)][-TRIED:]
    windows = np.stack([film[at : at + window] for at in starts])
    return distance(answers[-TRIED:], model.predict_on_batch(windows if len(shape) == 5 else windows[:, 0]))
