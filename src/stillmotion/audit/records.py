"""What an audit finds: audit.json, as dataclasses."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import write_json

ROUNDING = 1e-3  # differences of probability up to this are rounding


@dataclass(frozen=True)
class Check:
    """One check of the model itself. `figure` is the largest difference of probability, or what else was counted."""

    name: str
    passed: bool
    figure: float
    cure: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """What one fault at one strength does to the answers: means over pictures, intervals over videos."""

    fault: str
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
    """A snapshot, its moment, and the two answers. `video` is None for one that matches no moment."""

    file: str
    video: str | None
    seconds: float | None
    snapshot_label: str
    snapshot_probability: float
    video_label: str | None = None
    video_probability: float | None = None
    likeness: float | None = None
    change: float | None = None


@dataclass(frozen=True)
class Cause:
    """A cause of the change: its share of it, with a 95 % interval, how it was recognised, what mends it.

    `flips` is its share of the changed labels. `sentence` is the evidence in a reader's words, `brief` the same in few.
    """

    cause: str
    share: float
    low: float
    high: float
    evidence: str
    cure: str
    flips: float = 0.0
    sentence: str = ""
    brief: str = ""


@dataclass(frozen=True)
class Noise:
    """What changes answers although nothing is wrong: total variations, and pm-k as a share.

    Attributes:
        numeric: the same input again, alone or in a batch, by another call; the largest.
        decoding: the same frame by another decoder's rounding and chroma; the mean.
        flicker: neighbouring frames; the mean.
        flicker_flips: the share of neighbouring frames with another label.
        unsteady: the share of moments with another label on any frame within 1, 2, ... 10 of it: 1 - pm-k, with a
            moment's own label for the truth (Shankar et al. 2019).
    """

    numeric: float = 0.0
    decoding: float = 0.0
    flicker: float | None = None
    flicker_flips: float | None = None
    unsteady: tuple[float, ...] = ()

    @property
    def floor(self) -> float:
        """Below this a change is noise; never less than the rounding that checks let pass."""
        return max(self.numeric, self.decoding, ROUNDING)


@dataclass(frozen=True)
class ModelFacts:
    """The model, and how it is fed."""

    file: str
    kind: str
    frames: int
    height: int
    width: int
    labels: tuple[str, ...]
    scale: str
    scale_from: str
    channels: str


@dataclass(frozen=True)
class Preprocessing:
    """One way to feed the model, and how well the labelled snapshots' labels come out.

    Attributes:
        log_likelihood: of the labels, in all.
        accuracy: the share of labels that come out.
        probability: of this way among all that were tried, with all equal beforehand.
        best: the share of resamplings of the snapshots in which it is the likeliest: how sure it is.
    """

    scale: str
    channels: str
    resizing: str
    framing: str
    log_likelihood: float
    accuracy: float
    probability: float
    best: float


@dataclass(frozen=True)
class Motion:
    """A clip model's answers at a moment: frozen to the snapshot, frozen to the frame, and on the full clip.

    Attributes:
        snapshot_to_frozen: how far apart two of them are, in probability: the two paths' difference.
        frozen_to_clip: likewise: what motion does.
        frozen_to_others: the mean over the clip's other instants, each frozen: what the choice of the moment does.
        still: the label that the still family trained beside it gives the snapshot, if there is one.
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
    """An instant by both paths, as the model is given it: PNGs as data URIs."""

    file: str
    seconds: float
    snapshot: str
    frame: str
    snapshot_label: str
    frame_label: str


@dataclass(frozen=True)
class Audit:
    """audit.json."""

    model: ModelFacts
    answer: str
    consistency: tuple[Check, ...] = ()
    sensitivity: tuple[Sensitivity, ...] = ()
    snapshots: tuple[SnapshotRow, ...] = ()
    causes: tuple[Cause, ...] = ()
    noise: Noise = Noise()
    change: float = 0.0
    unexplained: float = 0.0
    preprocessing: tuple[Preprocessing, ...] = ()
    motion: tuple[Motion, ...] = ()
    pictures: tuple[Preview, ...] = ()
    videos: tuple[str, ...] = ()
    reader: str | None = None
    notes: tuple[str, ...] = field(default=())


_ADAPTER = TypeAdapter(Audit)


def read_audit(folder: Path) -> Audit:
    """Read what an audit left. Raises UsageError where nothing is, StillmotionError where it is something else."""
    file = folder / "audit.json" if folder.is_dir() else folder
    try:
        return _ADAPTER.validate_json(file.read_bytes())
    except OSError:
        raise UsageError(f"{file}: no such audit") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise StillmotionError(f"{file}: not an audit: {where}: {first['msg']}") from None


def write_audit(audit: Audit, file: Path) -> None:
    """Write audit.json, whole or not at all."""
    write_json(file, asdict(audit))


def as_json(audit: Audit) -> str:
    """The same as text, without pictures."""
    return json.dumps(asdict(replace(audit, pictures=())), indent=1, ensure_ascii=False)
