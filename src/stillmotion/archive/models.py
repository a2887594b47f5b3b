"""The models that an archive is predicted with, as they are sent to workers: paths, and how they are fed."""

from __future__ import annotations

import hashlib
import json
import pickle
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stillmotion.data import Video, Videos
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.runs.layout import MEMORY_FILE

if TYPE_CHECKING:
    from stillmotion.anomaly import Detector
    from stillmotion.prediction import ClipModel
    from stillmotion.prediction.describing import DescribedModel
    from stillmotion.runs import Run

Row = dict[str, Any]


class FilePredictor(Protocol):
    """Predicts files; it is pickled for workers, and loads its model when it is unpickled.

    Attributes:
        reads_ahead: whether it decodes in threads of its own. Otherwise it is called by several threads, so that the
            model is at work for one while others decode.
    """

    reads_ahead: bool

    def predict(self, videos: Sequence[Video]) -> Iterator[list[Row] | str]:
        """The rows of each video in order, without its name, or why there are none."""


@dataclass(frozen=True)
class ArchiveModel:
    """A model that is ready to be sent.

    Attributes:
        name: what it is called.
        identity: what it is known by: a hash of its files and of how it is fed.
        pickled: its `FilePredictor`.
    """

    name: str
    identity: str
    pickled: bytes


@dataclass(frozen=True)
class ClipPredictor:
    """Predicts the windows of videos, and whole videos; see `FilePredictor`."""

    model: ClipModel
    reads_ahead: bool = False

    def predict(self, videos: Sequence[Video]) -> Iterator[list[Row] | str]:
        """See `FilePredictor`."""
        from stillmotion.prediction import VideoPrediction, predict, prediction_rows

        for result in predict(self.model, Videos(Path(), tuple(videos))):
            if isinstance(result, VideoPrediction):
                rows = prediction_rows([result])
                yield [{name: cell for name, cell in row.items() if name != "video"} for row in rows]
            else:
                yield result.reason


class DetectorPredictor:
    """Scores the frames of videos; see `FilePredictor`.

    Args:
        folder: the detector's.
    """

    reads_ahead = True

    def __init__(self, folder: Path) -> None:
        from stillmotion.anomaly import load_detector

        self._detector = load_detector(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return DetectorPredictor, (self._detector.folder,)

    def predict(self, videos: Sequence[Video]) -> Iterator[list[Row] | str]:
        """See `FilePredictor`."""
        from stillmotion.anomaly import score_source
        from stillmotion.anomaly.scoring import score_row
        from stillmotion.decoding.live import find_source

        for video in videos:
            try:
                source = find_source(Path(video.path), start=video.start_seconds, end=video.end_seconds)
                rows = [score_row(score) for score in score_source(self._detector, source)]
            except UnreadableVideoError as error:
                yield str(error)
                continue
            yield rows or f"{video.path}: too short to be scored"


def prepare_model(model: Run | ClipModel | Detector | str | Path) -> ArchiveModel:
    """Load a model, so that whatever is wrong with it is said at once, and prepare it for workers.

    Args:
        model: see `predict_archive`.

    Returns:
        What is sent.

    Raises:
        UsageError: no such model, or one that is in memory only.
        StillmotionError: it cannot be used.
    """
    from stillmotion.anomaly import Detector, is_detector
    from stillmotion.prediction import ClipModel, load_clip_model
    from stillmotion.prediction.describing import IN_MEMORY

    if isinstance(model, Detector) or (isinstance(model, str | Path) and is_detector(Path(model))):
        folder = (model.folder if isinstance(model, Detector) else Path(model)).resolve()
        hashed = partial(_folder_digest, folder)
        digest = hashed()
        return ArchiveModel(folder.name, digest, pickle.dumps(_Unchanged(DetectorPredictor(folder), hashed, digest)))
    clip_model = model if isinstance(model, ClipModel) else load_clip_model(model)
    described = clip_model.described
    if described is None or described.file.parent == Path(IN_MEMORY):
        raise UsageError("the model is in memory only, and workers load it from its file; save it, and give the file")
    facts = {fact: value.value for fact, value in described.card.facts.items()}
    hashed = partial(_files_digest, _model_files(described))
    digest = hashed()
    content = json.dumps([digest, facts, clip_model.engine, clip_model.rate], default=str, sort_keys=True)
    if described.run is None and clip_model.facts is not None:
        # What was measured here is not measured again by workers, which have no snapshots.
        clip_model = replace(clip_model, facts=replace(clip_model.facts, card=described.card))
    identity = hashlib.sha256(content.encode()).hexdigest()
    return ArchiveModel(clip_model.name, identity, pickle.dumps(_Unchanged(ClipPredictor(clip_model), hashed, digest)))


class _Unchanged:
    """Pickles a predictor, which is then only loaded from the files that have been hashed.

    A worker loads by path, later and perhaps on another machine: there may be another model.
    """

    def __init__(self, predictor: ClipPredictor | DetectorPredictor, hashed: Callable[[], str], digest: str) -> None:
        self._predictor, self._hashed, self._digest = predictor, hashed, digest

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_unchanged, (pickle.dumps(self._predictor), self._hashed, self._digest)


def _load_unchanged(pickled: bytes, hashed: Callable[[], str], expected: str) -> FilePredictor:
    try:
        predictor: FilePredictor = pickle.loads(pickled)
        unchanged = hashed() == expected  # After loading: what is changed in between is seen, too.
    except FileNotFoundError:
        unchanged = False
    if not unchanged:
        raise StillmotionError(
            f"the model on {platform.node()} is not the one that the work began with; "
            "it must stay as it is, and be the same on all machines"
        )
    return predictor


def _model_files(described: DescribedModel) -> tuple[Path, ...]:
    """A model's file, the weights beside it if it is ONNX, and what a run remembers of its clips."""
    if described.run:
        memory = described.run.folder / MEMORY_FILE
        return tuple(file.resolve() for file in (described.run.model_file, memory) if file.exists())
    file = described.file.resolve()
    return (file, *_external_files(file))


def _external_files(file: Path) -> list[Path]:
    """The files beside an ONNX model that hold its large weights."""
    if file.suffix.lower() != ".onnx":
        return []
    try:
        import onnx  # comes with tf2onnx
    except ImportError:
        return []
    tensors = onnx.load(str(file), load_external_data=False).graph.initializer
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    return [file.parent / name for name in sorted(names)]


def _files_digest(files: Sequence[Path]) -> str:
    """A hash of the files of a model."""
    from stillmotion.models.card_files import file_digest

    return hashlib.sha256(" ".join(map(file_digest, files)).encode()).hexdigest()


def _folder_digest(folder: Path) -> str:
    """A hash of all files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            digest.update(f"{file.name}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
