"""What an audit finds: audit.json as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ROUNDING = 1e-3  # differences of probability up to this are rounding


@dataclass(frozen=True)
class Check:
    """One check of the model itself.

    Attributes:
        check: its stable id.
        name: what should be true.
        passed: whether it is.
        value: the largest difference of probability, or what else was counted.
        fix: what to do if it is not.
    """

    check: str
    name: str
    passed: bool
    value: float
    fix: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """What one fault at one strength does to predictions: means over frames or clips, 95 % intervals over videos.

    Attributes:
        fault: the fault's id.
        name: its name for readers.
        strength: of the fault, in a word or two.
        flips: the share of labels that change.
        flips_low: the lower end of its interval.
        flips_high: the upper end.
        change: the change of probability (total variation).
        change_low: the lower end of its interval.
        change_high: the upper end.
        divergence: the Jensen-Shannon divergence of the predictions, in bits.
    """

    fault: str
    name: str
    strength: str
    flips: float
    flips_low: float
    flips_high: float
    change: float
    change_low: float
    change_high: float
    divergence: float


@dataclass(frozen=True)
class SnapshotRow:
    """A snapshot, the frame that it shows, and both predictions.

    Attributes:
        file: the snapshot; for a frame of a video in its place, the video.
        video: the video that it was taken from; None if it matches no frame, as in all that follows.
        seconds: the time of its frame.
        snapshot_label: the label that it gets.
        snapshot_probability: of that label.
        video_label: the label that its frame gets.
        video_probability: of that label.
        similarity: of the snapshot and its frame, 0 to 1.
        change: the change of probability between them (total variation).
    """

    file: str
    video: str | None
    seconds: float | None
    snapshot_label: str
    snapshot_probability: float
    video_label: str | None = None
    video_probability: float | None = None
    similarity: float | None = None
    change: float | None = None


@dataclass(frozen=True)
class Cause:
    """A cause of the change of predictions between the two paths, or of labeled snapshots that get wrong labels.

    Attributes:
        cause: the fault's id, "label_order", or "unexplained".
        name: its name for readers.
        share: its share of the change of probability; of a cause of wrong labels, the share of these that it corrects.
        low: the lower end of the share's 95 % interval.
        high: the upper end.
        flips: its share of the changes of label, or again the share of wrong labels that it corrects.
        evidence: how it was recognized.
        fix: code or advice that fixes it.
        summary: both settings in a few words.
        explains: "change" or "wrong labels".
        left: the mean change of probability that is left if this alone is fixed, tried on the videos' frames; None for
            a cause of wrong labels.
        alternatives: ids of other causes that the pictures do not tell from it.
    """

    cause: str
    name: str
    share: float
    low: float
    high: float
    flips: float
    evidence: str
    fix: str
    summary: str = ""
    explains: str = "change"
    left: float | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Noise:
    """What changes predictions although nothing is wrong (total variations, unless stated otherwise).

    Attributes:
        numeric: the same input again, alone or in a batch, by another call: the largest change.
        decoding: the same frame with another decoder's rounding and chroma: the mean change.
        flicker: between neighboring frames: the mean change.
        flicker_flips: the share of neighboring frames with another label.
        instability: the share of frames with another label on any frame within 1, 2, ... 10 of it: 1 - pm-k, with the
            frame's own label in place of the truth (Shankar et al. 2019).
    """

    numeric: float = 0.0
    decoding: float = 0.0
    flicker: float | None = None
    flicker_flips: float | None = None
    instability: tuple[float, ...] = ()

    @property
    def floor(self) -> float:
        """A smaller change is noise. Never below the rounding that checks accept."""
        return max(self.numeric, self.decoding, ROUNDING)


@dataclass(frozen=True)
class ModelFacts:
    """The model, and how it is fed.

    Attributes:
        file: as given.
        kind: "image" or "clip".
        frames: of a clip; 1 for images.
        height: of its pictures, in pixels.
        width: likewise.
        labels: in output order.
        input_range: the range of numbers that it is given.
        input_range_source: how that is known, a code: see `input_range.RangeSource`.
        input_range_evidence: the same in words.
        channels: "RGB" or "BGR".
        framing: how it is given pictures of another aspect ratio: "stretch", "crop" or "letterbox".
    """

    file: str
    kind: str
    frames: int
    height: int
    width: int
    labels: tuple[str, ...]
    input_range: str
    input_range_source: str
    input_range_evidence: str
    channels: str
    framing: str = "stretch"


@dataclass(frozen=True)
class Preprocessing:
    """One way to feed the model, and how well labeled snapshots are predicted with it.

    Attributes:
        input_range: the range of numbers.
        channels: "RGB" or "BGR".
        resizing: the interpolation kernel.
        framing: "stretch", "crop" or "letterbox".
        labels: in the order of the model's outputs that fits best.
        log_likelihood: of all labels, where one of twenty may be wrong.
        accuracy: the share of labels that are predicted.
        probability: of this way among all that were tried, all equally likely beforehand, but for the order of labels:
            each of the other orders together is as likely as the given one.
        best: the share of resamples of the snapshots in which this way is the likeliest.
    """

    input_range: str
    channels: str
    resizing: str
    framing: str
    labels: tuple[str, ...]
    log_likelihood: float
    accuracy: float
    probability: float
    best: float


@dataclass(frozen=True)
class FrozenClip:
    """A clip model's predictions around a snapshot: labels, and how far apart they are (total variation).

    Attributes:
        video: the video.
        seconds: the time of the snapshot's frame.
        snapshot: the label of a clip that shows nothing but the snapshot.
        frozen: the label of a clip that shows nothing but the snapshot's frame.
        clip: the label of the full clip.
        snapshot_to_frozen: the difference of the two paths.
        frozen_to_clip: what motion does.
        frozen_to_others: the mean over other frames of the clip, frozen: what the choice of the frame does.
        still: the label that the still family, trained in the same comparison, gives the snapshot; None without one.
    """

    video: str
    seconds: float
    snapshot: str
    frozen: str
    clip: str
    snapshot_to_frozen: float
    frozen_to_clip: float
    frozen_to_others: float
    still: str | None = None


@dataclass(frozen=True)
class Preview:
    """A snapshot and its frame as the model gets them, as PNG files in the folder `pictures`.

    Attributes:
        file: the snapshot's name.
        seconds: the time of its frame.
        snapshot_image: name of the snapshot's PNG.
        frame_image: name of the frame's PNG.
        snapshot_label: the label that the snapshot gets.
        frame_label: the label that the frame gets.
    """

    file: str
    seconds: float
    snapshot_image: str
    frame_image: str
    snapshot_label: str
    frame_label: str


@dataclass(frozen=True)
class Audit:
    """audit.json.

    Attributes:
        model: the model, and how it is fed.
        summary: what was found, in a few sentences.
        consistency: the checks of the model itself.
        sensitivity: what each fault at each strength does; empty if that was not measured.
        snapshots: the snapshots and both predictions.
        causes: of wrong labels, then of the change, the largest first; none of the change within the noise floor.
        noise: what changes predictions although nothing is wrong.
        change: the mean change of probability between the two paths.
        unexplained: the share of it that no known fault explains.
        preprocessing: ways to feed the model, the likeliest first; empty if these were not searched.
        frozen_clips: of a clip model: frozen and full clips.
        previews: what the model gets by both paths.
        videos: the videos.
        frame_reader: the user's frame reader; None without one.
        notes: what else a reader should know.
        images: PNG files by name, for the previews; not a part of audit.json.

    Examples:
        >>> audit = sm.read_audit("audit")
        >>> [cause.kind for cause in audit.causes]
        [...]
    """

    model: ModelFacts
    summary: str
    consistency: tuple[Check, ...] = ()
    sensitivity: tuple[Sensitivity, ...] = ()
    snapshots: tuple[SnapshotRow, ...] = ()
    causes: tuple[Cause, ...] = ()
    noise: Noise = Noise()
    change: float = 0.0
    unexplained: float = 0.0
    preprocessing: tuple[Preprocessing, ...] = ()
    frozen_clips: tuple[FrozenClip, ...] = ()
    previews: tuple[Preview, ...] = ()
    videos: tuple[str, ...] = ()
    frame_reader: str | None = None
    notes: tuple[str, ...] = ()
    images: Mapping[str, bytes] = field(default_factory=dict)
