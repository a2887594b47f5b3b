"""A run's model together with the way its clips are read: as pixels or, where that is quicker, as cached features."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, Window, frame_times, read_clips
from stillmotion.errors import StillmotionError, UnreadableVideoError
from stillmotion.features import FeatureRequest, extract_features, read_feature_clips
from stillmotion.models import snapshot_model
from stillmotion.models.inference import load_keras_model
from stillmotion.models.pretrained import weights_id
from stillmotion.progress import Progress
from stillmotion.runs import Run
from stillmotion.training import frozen_backbone


@dataclass(frozen=True)
class RunModel:
    """A model and how it is fed.

    Attributes:
        model: takes what `read` returns; or, for single frames, one frame of it.
        backbone: the frozen backbone whose features it takes; None if it takes pixels.
    """

    model: keras.Model
    backbone: str | None

    def read(self, file: Path, windows: Sequence[Window], spec: ClipSpec, *, cache: bool = True) -> NDArray[Any]:
        """Read the clips of a file's windows.

        Args:
            file: the video.
            windows: start and end of each clip, in seconds.
            spec: how a window becomes a clip.
            cache: whether decoded frames are kept in the cache on disk; features always are.

        Returns:
            `(windows, frames, ...)`.

        Raises:
            UnreadableVideoError: the file cannot be opened or holds no frame.
        """
        if self.backbone is None:
            return read_clips(file, windows, spec, cache=cache)
        return read_feature_clips(self.backbone, file, windows, spec)

    def extract(self, clips: Sequence[tuple[Path, Window, ClipSpec]], progress: Progress) -> None:
        """Run the frames of many clips through the backbone, if there is one, before `read` asks for them.

        Decoding then overlaps with the backbone. Videos that cannot be read are left for `read` to report.

        Args:
            clips: file, window and spec of each; frames of one size.
            progress: receives the number of videos done.
        """
        if self.backbone is not None and clips:
            height, width = clips[0][2].height, clips[0][2].width
            requests = [FeatureRequest(file, frame_times(spec, window)) for file, window, spec in clips]
            with suppress(UnreadableVideoError):
                extract_features(self.backbone, requests, height, width, progress=progress)


def load_run_model(run: Run, *, features: bool, single_frames: bool = False) -> RunModel:
    """Load a run's model.

    Args:
        run: a finished run.
        features: whether a model on a frozen backbone may be fed with cached features. They are float16, so predictions
            differ in the fourth digit or so. If the backbone is not on this machine with the weights that it had in
            training, the model takes pixels all the same.
        single_frames: whether the model shall take single frames; only a still family's can.

    Returns:
        The model.

    Raises:
        StillmotionError: the run's model cannot be loaded.
    """
    backbone = frozen_backbone(run.recipe) if features else None
    if backbone is None or not _has_weights_of(run, backbone):
        return RunModel(load_keras_model(run.snapshot_file if single_frames else run.model_file), None)
    head = load_keras_model(run.model_file).get_layer("head")
    return RunModel(snapshot_model(run.recipe.family, head) if single_frames else head, backbone)


def _has_weights_of(run: Run, backbone: str) -> bool:
    """Whether the backbone is here with the weights that the run's was trained with."""
    try:
        return weights_id(backbone) == run.record.versions.get("backbone")
    except StillmotionError:
        return False
