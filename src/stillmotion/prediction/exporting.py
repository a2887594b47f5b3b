"""Export a model for another runtime, and compare it with the original before it is handed over."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from stillmotion.clips import ClipSpec, Segment, open_videos
from stillmotion.decoding import Framing
from stillmotion.errors import UsageError
from stillmotion.exporting import Program, Tensor, check_format
from stillmotion.exporting.example import write_example
from stillmotion.files import as_path, make_folder, write_json
from stillmotion.models.adapters import adapt
from stillmotion.models.cards import ModelCard
from stillmotion.models.given_facts import GivenFacts
from stillmotion.prediction.black_boxes import BlackBox
from stillmotion.prediction.clip_models import check_complete
from stillmotion.prediction.describing import IN_MEMORY, DescribedModel, open_model
from stillmotion.prediction.inputs import find_inputs
from stillmotion.prediction.own_test import OwnTest, read_own_test
from stillmotion.prediction.parity import TOLERANCE, WINDOWS, gather_pixels, window_frames, write_and_compare
from stillmotion.runs import EXPORTS_FOLDER, Run, versions
from stillmotion.streaming import stream_program

# Where outputs vary by less than so many times the difference that is allowed, their agreement says little.
TELLING = 100


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        folder: where everything is.
        file: the exported model.
        max_difference: the largest difference between its predictions and the model's own.
        variation: by how much the model's own vary over the windows that were compared, at most.
        windows: how many windows were compared.
        real_windows: how many of them are from videos; the others are noise.
        test: how well a run did on its own test part; None for other models, and runs that were not tested.
    """

    folder: Path
    file: Path
    max_difference: float
    variation: float
    windows: int
    real_windows: int
    test: OwnTest | None = None

    @property
    def is_telling(self) -> bool:
        """Whether the predictions that agree differ enough from each other for that to mean something."""
        return self.variation >= TELLING * TOLERANCE


def export_model(
    run: Run | keras.Model | str | Path | DescribedModel,
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
    videos: str | Path | Sequence[str | Path] = (),
    card: ModelCard | None = None,
) -> Export:
    """Write a model in another format, with `export.json`, which describes it, and `use_it.py`, which runs it.

    What was written is read back, and compared with the model on windows of `videos`, or of those that a run was tested
    and validated on, and on noise of every contrast.

    What is written takes what a camera gives, uint8 RGB of the model's size: what the model's card says of its range,
    channels and outputs becomes part of it. `export.json` says how a frame of another aspect ratio gets that size.

    Args:
        run: a run, its folder, any model or its file (see `describe_model`), or one that is described already. A run is
            fed as it was trained: of the facts below, none can be given.
        format: a name in `stillmotion.exporting.FORMATS`.
        out: a folder. By default in the run's `exports/`, or in `NAME-exports/` beside the model's file; a model in
            memory needs one.
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
        videos: videos or pictures to compare predictions on.
        card: its card; by default the one beside the model, if there is one.

    Returns:
        What was written, and how close it is to the model.

    Raises:
        UsageError: an unknown format, a hop larger than the window, another number of labels, or something that changes
            the model's answers and is not known.
        StillmotionError: the format cannot hold the model, its converter is not installed, or predictions differ by
            more than 1e-4.

    Examples:
        >>> export = sm.export_model("runs/motion", "onnx")
        >>> export.max_difference < 1e-4
        True
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
    window = window_frames(model)
    if not 1 <= hop <= window:
        raise UsageError(f"hop is {hop}; expected 1 to {window}, the frames of a window")
    program = stream_program(model, hop=hop) if stream else _whole_program(model, 1 if not target.any_batch else None)
    if out is not None:
        folder = as_path(out, "a folder")
    elif loaded.file.parent == Path(IN_MEMORY):
        raise UsageError(f"{loaded.file}: give the folder to export it to, `out`")
    else:
        exports = (
            loaded.run.folder / EXPORTS_FOLDER if loaded.run else loaded.file.with_name(f"{loaded.file.stem}-exports")
        )
        folder = exports / (f"{format}-stream" if stream else format)
    make_folder(folder)
    with tempfile.TemporaryDirectory() as temporary:
        length = window if not stream else (-(-window // hop) + WINDOWS - 1) * hop
        spec = ClipSpec(length, card.rate.value or "spread", _sides(model), framing=card.framing.value or "stretch")
        pixels = gather_pixels(spec, list(_videos(loaded, videos)), 1 if stream else WINDOWS)
        parity = write_and_compare(target, format, model, program, Path(temporary), pixels, hop if stream else None)
        np.save(Path(temporary, "sample.npy"), pixels.noise[0][: window + 2 * hop] if stream else pixels.noise[0])
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
        "preprocessing": _recipe(loaded, window, _sides(model)),
        "card": card.model_dump(mode="json"),
        **({"hop": hop} if stream else {}),
        "test": None if test is None else {**asdict(test), "warning": test.warning},
        "parity": {**asdict(parity), "allowed": TOLERANCE, "against": keras.backend.backend()},
        "versions": versions(keras.backend.backend(), keras.__version__),
    }
    write_json(folder / "export.json", about)
    sizes = tuple(int(side or 0) for side in model.input_shape[1:])
    example = write_example(target.needs, target.opening, sizes, stream=stream)
    (folder / "use_it.py").write_text(example, encoding="utf-8")
    return Export(folder, folder / target.file, **asdict(parity), test=test)


def _recipe(loaded: DescribedModel, frames: int, sides: tuple[int, int]) -> dict[str, Any]:
    """How videos become what the model takes, for programs in other languages, too."""
    card, run = loaded.card, loaded.run
    rate = card.rate.value or (1.0 if frames == 1 else "spread")
    seconds = (run.record.data.typical_seconds or None) if run else None
    return {
        "color": "RGB",
        "levels": "0..255",
        "height": sides[0],
        "width": sides[1],
        "framing": card.framing.value or "stretch",
        "resize": "average of areas (SWS_AREA in FFmpeg, INTER_AREA in OpenCV), after turning frames upright",
        "frames": frames,
        "rate": rate,
        "window_seconds": seconds if rate == "spread" else frames / rate,
        "sampling": "a window is cut into equal slots; a clip shows the frame that is on screen in the middle of each",
        "windows": "evenly over the video, without gaps, one if rate is spread; a video's prediction is their mean",
    }


def _videos(loaded: DescribedModel, given: str | Path | Sequence[str | Path]) -> Iterator[Segment]:
    """The videos to compare predictions on: those that are given, or those of a run that are still there."""
    if given:
        yield from open_videos(find_inputs([given] if isinstance(given, str | Path) else given))
    elif loaded.run:
        data = loaded.run.record.data
        for video in (*data.part("test")[:WINDOWS], *data.part("validation")[:WINDOWS]):
            yield from open_videos(data.part(video.part or "test").only([video]))


def _sides(model: keras.Model) -> tuple[int, int]:
    height, width = model.input_shape[-3:-1]
    return int(height), int(width)


def _whole_program(model: keras.Model, batch: int | None) -> Program:
    (clip,) = model.inputs
    tensor = Tensor("clip", (batch, *clip.shape[1:]), clip.dtype)
    return Program(model, lambda clips: [model(clips, training=False)], (tensor,), ("probabilities",))
