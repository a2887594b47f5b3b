"""The whole audit: the model, the videos, and what they are compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.causes import AttributedCause, decoding_noise, find_causes, unexplained_share
from stillmotion.audit.comparing_paths import PathComparison, compare_paths, match_snapshots, sample_frames
from stillmotion.audit.consistency import check_model, numeric_noise
from stillmotion.audit.faults.scaling import LEVELS
from stillmotion.audit.frame_reader import FrameReader
from stillmotion.audit.frozen_clips import compare_frozen_clips
from stillmotion.audit.input_notes import notes_on_inputs
from stillmotion.audit.input_range import RangeEvidence, choose_input_range
from stillmotion.audit.label_fit import find_label_fault
from stillmotion.audit.loading import load_audited_model
from stillmotion.audit.preprocessing import find_preprocessing as search_preprocessing
from stillmotion.audit.previews import make_previews
from stillmotion.audit.records import Audit, ModelFacts, Noise, SnapshotRow
from stillmotion.audit.resampling import Floats
from stillmotion.audit.sensitivity import measure_sensitivity
from stillmotion.audit.sentences import describe_cause, describe_label_fault, describe_range, summarize
from stillmotion.audit.snapshots import Snapshot, read_snapshots
from stillmotion.audit.video_index import IndexedVideo, index_video
from stillmotion.decoding import Framing
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.prediction.inputs import find_inputs
from stillmotion.progress import Progress, no_progress

CHECK_INPUTS = 8  # that the model is checked on
CLIP_STEP = 3  # frames between the clips of one video among them


def audit_model(
    model: str | Path,
    videos: Sequence[str | Path],
    *,
    snapshots: str | Path | None = None,
    frame_reader: str | Callable[[Path], Iterable[Any]] | None = None,
    labels: str | Path | Sequence[str] | None = None,
    input_range: str | None = None,
    channels: str | None = None,
    frames: int | None = None,
    rate: float | Literal["spread"] | None = None,
    size: int | tuple[int, int] | None = None,
    framing: Framing | None = None,
    outputs: str | None = None,
    custom_objects: str | Mapping[str, Any] | None = None,
    unsafe: bool = False,
    find_preprocessing: bool = False,
    sensitivity: bool = True,
    progress: Progress = no_progress,
) -> Audit:
    """Find out why a model predicts differently on a video than on a snapshot, and what else is wrong with it.

    Args:
        model: a run's folder, .keras, .h5 or a SavedModel folder, that takes images or clips of three channels.
        videos: files, folders of videos, tables.
        snapshots: a folder of pictures taken from the videos.
        frame_reader: your own frame reader, a function from a path to arrays as the model gets them; or
            "package.module:function".
        labels: class names in output order: a sequence, a comma-separated list, or a file (text or JSON).
        input_range: the range of numbers that the model is given, such as "0..1"; None to find out.
        channels: "rgb", "bgr" or "gray", as the model is fed; None for what its card says, or RGB.
        frames: frames of a clip, for a model that takes any number.
        rate: frames per second of a clip, or "spread"; None for what its run or card says, or spread.
        size: height and width, or one side of squares, for a model that takes any.
        framing: how the model is given frames of another aspect ratio: "stretch", "crop" or "letterbox"; None for what
            its card says, or "stretch".
        outputs: what the model's outputs are; see `describe_model`.
        custom_objects: custom layers and functions by name, or the module that defines them.
        unsafe: whether code inside the model's file may run; a SavedModel is such code.
        find_preprocessing: whether to search for the preprocessing with which labeled snapshots are predicted best.
        sensitivity: whether to try every fault on the videos' frames.
        progress: called with the stage, the steps done and the steps in all.

    Returns:
        What was found.

    Raises:
        UsageError: a wrong argument.
        StillmotionError: the model, a video or the frame reader cannot be used.

    Examples:
        >>> audit = sm.audit_model("runs/still", ["new.mp4"], snapshots="stills/")
        >>> [cause.kind for cause in audit.causes]
        [...]
    """
    reader = FrameReader(frame_reader) if frame_reader is not None else None
    audited = load_audited_model(
        model,
        labels=labels,
        input_range=input_range,
        channels=channels,
        frames=frames,
        rate=rate,
        size=size,
        framing=framing,
        outputs=outputs,
        custom_objects=custom_objects,
        unsafe=unsafe,
    )
    indexed, notes = _index_videos(videos, progress)
    pictures: list[Snapshot] = []
    if snapshots is not None:
        pictures, skipped = read_snapshots(Path(snapshots), audited.labels)
        notes += [f"skipped: {line}" for line in skipped]
    notes += notes_on_inputs(audited, indexed, pictures)
    evidence = choose_input_range(audited, indexed, pictures, reader)
    audited = dataclasses.replace(audited, input_range=evidence.input_range)
    if evidence.source in ("frame_reader", "assumed"):
        notes.append(f"{describe_range(evidence)}; use --input-range to be sure")
    preprocessing = search_preprocessing(audited, pictures) if find_preprocessing else ()

    progress("checking the model", 0, 1)
    checks = check_model(audited, _make_check_inputs(audited, indexed))
    noise = Noise(numeric=numeric_noise(checks))

    comparison: PathComparison | None = None
    causes: tuple[AttributedCause, ...] = ()
    if pictures or reader is not None:
        comparison, noise, causes = explain_change(audited, indexed, pictures, reader, noise, progress)
        notes += comparison.notes
    label_fault = find_label_fault(audited, comparison) if comparison else None
    frozen_clips = compare_frozen_clips(audited, comparison) if comparison and audited.kind == "clip" else ()
    measured = measure_sensitivity(audited, indexed, progress) if sensitivity else None
    if measured is not None:
        noise = dataclasses.replace(
            noise, flicker=measured.flicker, flicker_flips=measured.flicker_flips, instability=measured.instability
        )

    attributions = comparison.attributions if comparison else ()
    unexplained = unexplained_share(attributions)
    described = [describe_label_fault(label_fault)] if label_fault else []
    if comparison:
        described += [describe_cause(cause, comparison, reader is not None) for cause in causes]
    previews, images = make_previews(audited, comparison) if comparison else ((), {})
    return Audit(
        model=_describe_model(audited, evidence),
        summary=summarize(
            comparison,
            label_fault,
            causes,
            noise,
            checks,
            unexplained,
            frozen_clips,
            preprocessing,
            audited.labels,
            reader is not None,
        ),
        consistency=checks,
        sensitivity=measured.rows if measured else (),
        snapshots=tuple(_snapshot_rows(audited, comparison)) if comparison else (),
        causes=tuple(described),
        noise=noise,
        change=float(np.mean([attribution.total for attribution in attributions])) if attributions else 0.0,
        unexplained=unexplained,
        preprocessing=preprocessing,
        frozen_clips=frozen_clips,
        previews=previews,
        videos=tuple(str(video.file) for video in indexed),
        frame_reader=reader.name if reader else None,
        notes=tuple(notes),
        images=images,
    )


def explain_change(
    audited: AuditedModel,
    videos: Sequence[IndexedVideo],
    snapshots: Sequence[Snapshot],
    reader: FrameReader | None,
    noise: Noise,
    progress: Progress,
) -> tuple[PathComparison, Noise, tuple[AttributedCause, ...]]:
    """Compare the two paths, and find the causes of the change.

    Args:
        audited: the model.
        videos: the videos.
        snapshots: the snapshots; without any, frames of the videos are used.
        reader: the user's frame reader, if there is one.
        noise: what is known of the noise.
        progress: called with the stage and what is done of it.

    Returns:
        The comparison, the noise with that of decoding, and the causes.

    Raises:
        StillmotionError: the reader's pictures cannot be used.
    """
    matched = match_snapshots(snapshots, videos, progress) if snapshots else sample_frames(videos)
    comparison = compare_paths(audited, matched, reader, progress)
    if comparison.compared:
        noise = dataclasses.replace(noise, decoding=decoding_noise(audited, comparison.pairs))
    return comparison, noise, find_causes(comparison, noise.floor)


def _index_videos(videos: Sequence[str | Path], progress: Progress) -> tuple[list[IndexedVideo], list[str]]:
    """The readable videos, and a note on each of the others."""
    if not videos:
        raise UsageError("no videos given")
    indexed, errors = [], []
    inputs = find_inputs(videos)
    for number, video in enumerate(inputs):
        progress("reading videos", number, len(inputs))
        try:
            indexed.append(index_video(inputs.file(video)))
        except UnreadableVideoError as error:
            errors.append(str(error))
    if not indexed:
        raise StillmotionError(errors[0])
    return indexed, [f"skipped: {error}" for error in errors]


def _describe_model(audited: AuditedModel, evidence: RangeEvidence) -> ModelFacts:
    return ModelFacts(
        file=str(audited.file),
        kind=audited.kind,
        frames=audited.frames,
        height=audited.height,
        width=audited.width,
        labels=audited.labels,
        input_range=audited.input_range or LEVELS,
        input_range_source=evidence.source,
        input_range_evidence=describe_range(evidence),
        channels=audited.channels,
        framing=audited.framing,
    )


def _make_check_inputs(audited: AuditedModel, videos: Sequence[IndexedVideo]) -> Floats:
    """Frames, or clips of successive frames, to check the model on."""
    inputs = []
    for number in range(CHECK_INPUTS):
        video = videos[number % len(videos)]
        if audited.kind == "clip":
            start = number // len(videos) * CLIP_STEP
            indices = np.minimum(start + np.arange(audited.frames), len(video) - 1)
            inputs.append(np.stack([audited.feed(video.picture(int(index))) for index in indices]))
        else:
            inputs.append(audited.feed(video.picture(int((number + 0.5) / CHECK_INPUTS * len(video)))))
    return np.stack(inputs)


def _snapshot_rows(audited: AuditedModel, comparison: PathComparison) -> list[SnapshotRow]:
    """One row per snapshot, by file name."""
    rows = []
    for compared in comparison.compared:
        snapshot, video = compared.attribution.snapshot_probabilities, compared.attribution.video_probabilities
        rows.append(
            SnapshotRow(
                file=str(compared.snapshot.file),
                video=str(compared.match.video.file),
                seconds=compared.match.seconds,
                snapshot_label=audited.name(snapshot),
                snapshot_probability=float(snapshot.max()),
                video_label=audited.name(video),
                video_probability=float(video.max()),
                similarity=compared.match.similarity,
                change=compared.attribution.total,
            )
        )
    unmatched = [entry.snapshot for entry in comparison.matched if entry.match is None]
    if unmatched:
        predictions = audited.predict([audited.feed(snapshot.picture) for snapshot in unmatched])
        rows += [
            SnapshotRow(str(snapshot.file), None, None, audited.name(row), float(row.max()))
            for snapshot, row in zip(unmatched, predictions, strict=True)
        ]
    return sorted(rows, key=lambda row: row.file)
