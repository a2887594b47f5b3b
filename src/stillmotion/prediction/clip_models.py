"""Load a model with all that is needed to feed it: a run, or any model whose card says how."""

from __future__ import annotations

import copyreg
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras

from stillmotion.clips import ClipSpec
from stillmotion.decoding import Framing
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.adapters import adapt
from stillmotion.models.cards import ROLES, Fact, ModelCard, Outputs
from stillmotion.models.given_facts import GivenFacts
from stillmotion.prediction.black_boxes import AdaptedBlackBox, BlackBox
from stillmotion.prediction.describing import IN_MEMORY, DescribedModel, open_model
from stillmotion.prediction.own_test import warn_of_weakness
from stillmotion.runs import ClipMemory, Run, read_memory

SAID_BY_ACTIVATION = ("softmax", "one sigmoid", "independent sigmoids")


@dataclass(frozen=True)
class ClipModel:
    """A model of clips, with all that is needed to feed it.

    It is loaded once, and used by any number of calls and threads: they take turns. What is pickled is the path of its
    file, which is loaded again.

    Attributes:
        model: takes uint8 RGB `(batch, frames, height, width, 3)`.
        rate: frames per second that it sees, or "spread" for frames that are spread over each video.
        labels: class names in the order of its outputs.
        note: what was found out of how it is fed, and not given, such as the rate that a run's training does not fix.
        engine: what runs the model; see `stream_model`.
        outputs: what its outputs are; see `ModelCard`.
        described: the model as it was loaded, with its card.
        memory: what a run remembers of its training clips.
        facts: what was given when it was loaded.
    """

    model: keras.Model
    rate: float | Literal["spread"]
    labels: tuple[str, ...]
    note: str = ""
    engine: str = "keras"
    outputs: Outputs = "softmax"
    described: DescribedModel | None = None
    memory: ClipMemory | None = None
    facts: GivenFacts | None = None

    @property
    def name(self) -> str:
        """What to call it: the name of its run's folder, or of its file."""
        if self.described is None:
            return str(self.model.name)
        run = self.described.run
        return (run.folder if run else self.described.file).resolve().name

    def __reduce__(self) -> tuple[Any, ...]:
        if self.described is None or self.described.file.parent == Path(IN_MEMORY):
            return copyreg.__newobj__, (ClipModel,), vars(self)  # type: ignore[attr-defined]
        return _load_again, (self.described.file.resolve(), self.facts or GivenFacts(), self.engine)

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return int(self.model.input_shape[1])

    @property
    def spec(self) -> ClipSpec:
        """The clip that the model takes."""
        _, frames, height, width, _ = self.model.input_shape
        framing = self.described.card.framing.value if self.described else None
        return ClipSpec(frames, self.rate, (height, width), framing=framing or "stretch")

    @property
    def streaming_rate(self) -> float:
        """The rate as a number.

        Raises:
            UsageError: frames are spread over each video, of which a stream does not know the end.
        """
        if self.rate == "spread":
            raise UsageError("a stream needs a `rate` in frames per second; 'spread' is for whole videos")
        return self.rate


def load_clip_model(
    run: Run | keras.Model | str | Path,
    *,
    rate: float | Literal["spread"] | None = None,
    labels: str | Path | Sequence[str] | None = None,
    engine: str = "keras",
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
    videos: Sequence[Path] = (),
    card: ModelCard | None = None,
) -> ClipModel:
    """Load a model that can predict and be streamed.

    A warning is logged if it is a run whose own test did not significantly beat guessing.

    Args:
        run: a run, its folder, or any model or its file; see `describe_model`. What its card says need not be given
            again.
        rate: frames per second that the model sees. A run has its own. If its clips were spread over each video, it
            streams at the rate at which a window is as long as the training videos typically are, or at one given here.
        labels: class names in the order of the model's outputs; see `read_class_names`.
        engine: what runs the model; see `stream_model`.
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
        videos: videos that it is to predict. Their frames help to find out the range.
        card: its card; by default the one beside the model, if there is one.

    Returns:
        The model, not yet divided for streaming.

    Raises:
        UsageError: no rate, an impossible one, something that must be given and is not, or see `describe_model`.
        StillmotionError: the run or model cannot be read, or takes something else than pictures.

    Examples:
        >>> model = sm.load_clip_model("runs/motion")
        >>> model.labels, model.frames
        (('left', 'right'), 4)
    """
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
    described = open_model(run, facts, snapshots=snapshots, videos=videos, streamed=True)
    if described.run is not None:
        warn_of_weakness(described.run)
    return dataclasses.replace(as_clip_model(described, facts.rate, engine=engine), facts=facts)


def _load_again(path: Path, facts: GivenFacts, engine: str) -> ClipModel:
    """Unpickle a model."""
    described = open_model(path, facts, streamed=True)
    return dataclasses.replace(as_clip_model(described, facts.rate, engine=engine), facts=facts)


def as_clip_model(
    described: DescribedModel, rate: float | Literal["spread"] | None = None, *, engine: str = "keras"
) -> ClipModel:
    """A described model with all that is needed to feed it.

    Args:
        described: the model and its card.
        rate: as it was given, for a run whose clips were spread.
        engine: what runs the model.

    Returns:
        The model, adapted to what a camera gives.

    Raises:
        UsageError: something must be given, and is not.
        StillmotionError: the model takes something else than pictures.
    """
    card, run = described.card, described.run
    check_complete(described, timed=True)
    labels, outputs = card.labels.value or (), card.outputs.value or "softmax"
    if run is None:
        assert card.rate.value is not None  # see check_complete
        box = isinstance(described.model, BlackBox)
        model = AdaptedBlackBox(described.model, card) if box else adapt(described.model, card)
        if outputs == "independent logits":
            outputs = "independent sigmoids"  # by the adapter
        return ClipModel(model, card.rate.value, labels, _found_out(card), engine, outputs, described)
    spec, note = run.recipe.spec, ""
    if rate is None and spec.rate == "spread":
        typical_seconds = run.record.data.typical_seconds
        if typical_seconds <= 0:  # Trained on pictures: it predicts files, and needs a rate to be streamed.
            return ClipModel(described.model, "spread", labels, "", engine, outputs, described)
        rate = spec.frames / typical_seconds
        note = (
            f"trained on {spec.frames} frames spread over each video: streams over windows of {typical_seconds:.3g} s, "
            f"as the training videos typically last ({rate:.3g} frames per second)"
        )
    return ClipModel(described.model, rate or spec.rate, labels, note, engine, outputs, described, read_memory(run))


def _found_out(card: ModelCard) -> str:
    """What changes the model's answers and was found out, or given against what was found out, as a line for people."""
    facts: list[tuple[str, Fact[Any]]] = [("input range", card.input_range)]
    if card.channels.value != "gray":
        facts.append(("channels", card.channels))
    if card.outputs.source != "read" or card.outputs.value not in SAID_BY_ACTIVATION:
        facts.append(("outputs", card.outputs))
    if card.labels.source == "measured":
        facts.append(("labels", card.labels.model_copy(update={"value": ", ".join(card.labels.value or ())})))
    return "; ".join(f"{name} {fact.value} ({fact.evidence})" for name, fact in facts if fact.value and fact.evidence)


def check_complete(described: DescribedModel, *, timed: bool = False) -> None:
    """Check that nothing is unknown that changes a model's answers.

    Args:
        described: the model and its card.
        timed: whether the model is fed from videos, so that it matters how far apart its frames are.

    Raises:
        UsageError: something is; the message names what to give, and how to find out.
        StillmotionError: the model takes something else than pictures.
    """
    card, file = described.card, described.file
    if card.kind == "other":
        raise StillmotionError(
            f"{file}: takes {card.inputs[0].shape}, neither pictures (height, width, channels) nor clips (frames, "
            "height, width, channels)"
        )
    if card.kind == "several inputs" and "inputs" in card.missing:
        inputs = ", ".join(f"{given.name} {given.shape}" for given in card.inputs)
        raise UsageError(
            f"{file}: takes {len(card.inputs)} inputs: {inputs}; say what each is given, `inputs` NAME=ROLE,... with a "
            f"role of {', '.join(ROLES)}"
        )
    missing = card.missing_for_videos if timed and described.run is None else card.missing
    if missing:
        *others, last = [name.replace("_", " ") for name in missing]
        unknown = f"{', '.join(others)} and {last}" if others else last
        wanted = ", ".join(f"`{name}`" for name in missing)
        wanted += " (frames per second, or spread over whole videos)" if "rate" in missing else ""
        hint = ""
        if card.kind != "several inputs" and {"input_range", "channels"} & set(missing):
            hint = "; `describe_model` with `snapshots`, labeled pictures, finds out"
        change = "changes" if not others and last in ("input range", "size", "rate") else "change"
        raise UsageError(f"{file} does not say its {unknown}, which {change} what it predicts: give {wanted}{hint}")
