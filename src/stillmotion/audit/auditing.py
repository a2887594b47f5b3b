"""The whole audit: model, videos, and what they are compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stillmotion.audit.audited_model import AuditedModel, Floats, load_audited_model
from stillmotion.audit.causes import decoding_noise, find_causes, unexplained_share
from stillmotion.audit.comparing_paths import (
    PathComparison,
    compare_paths,
    even_moments,
    feed,
    find_moments,
)
from stillmotion.audit.consistency import check_model, numeric_noise
from stillmotion.audit.frozen_clips import compare_motion
from stillmotion.audit.preprocessing import find_preprocessing as _find_preprocessing, find_range
from stillmotion.audit.previews import views_of
from stillmotion.audit.reading import Reader
from stillmotion.audit.records import Audit, Cause, ModelFacts, Noise, Sensitivity, SnapshotRow
from stillmotion.audit.sensitivity import measure_sensitivity
from stillmotion.audit.snapshots import Snapshot, read_snapshots
from stillmotion.audit.video_index import IndexedVideo, index_video
from stillmotion.audit.wording import tell
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.prediction.inputs import find_inputs
from stillmotion.progress import Progress, no_progress

CHECKED = 8  # inputs that the model is checked on


def audit_model(
    model: str | Path,
    videos: Sequence[str | Path],
    *,
    snapshots: str | Path | None = None,
    frames: str | Callable[[Path], Iterable[Any]] | None = None,
    labels: str | Path | None = None,
    scale: str | None = None,
    channels: str = "rgb",
    custom: str | None = None,
    unsafe: bool = False,
    find_preprocessing: bool = False,
    sensitivity: bool = True,
    progress: Progress = no_progress,
) -> Audit:
    """Audit a model: is it consistent, what is it sensitive to, and why do snapshots get other answers than frames?

    Args:
        model: a run's folder, .keras, .h5 or a SavedModel folder, that takes images or clips of three channels.
        videos: files, folders of videos, tables.
        snapshots: a folder of pictures of moments in the videos.
        frames: the user's own frame reader, a function from a path to arrays as the model is fed them; or
            "package.module:function".
        labels: a file of labels, a line each or JSON, for a model that is no run of ours.
        scale: the range the model is fed, such as "0..1"; found out if None.
        channels: "rgb" or "bgr", as it is fed.
        custom: a module that defines the model's custom layers.
        unsafe: whether Python code inside the model's file may run.
        find_preprocessing: search for the preprocessing that labelled snapshots' labels come out best with.
        sensitivity: whether to try every fault on the videos' frames.
        progress: called with a stage, what is done and how much there is.

    Raises:
        UsageError: a wrong argument.
        StillmotionError: the model, a video or the frame reader cannot be used.
    """
    reader = Reader(frames) if frames is not None else None
    subject = load_audited_model(model, labels=labels, scale=scale, channels=channels, custom=custom, unsafe=unsafe)
    reels, notes = _reels(videos, progress)
    shots: list[Snapshot] = []
    if snapshots is not None:
        shots, skipped = read_snapshots(Path(snapshots), subject.labels)
        notes += [f"left out: {line}" for line in skipped]
        if len(shots) == 1:
            notes.append("one snapshot shows one moment: give more to see how sure the causes are")
    if not subject.named:
        notes.append("no class names given: labels are shown by number; give --labels FILE")
    if subject.kind == "clip":
        notes += [
            f"{reel.file}: {len(reel)} frames, fewer than the {subject.frames} of a clip; frames are repeated"
            for reel in reels
            if len(reel) < subject.frames
        ]
    subject, scale_from = _settle_scale(subject, reels, shots, reader)
    if scale_from.startswith("nothing"):
        notes.append(f"{scale_from}; give --scale to be sure")
    ways = _find_preprocessing(subject, shots) if find_preprocessing else ()
    progress("checking the model", 0, 1)
    checks = check_model(subject, _inputs(subject, reels))
    noise = Noise(numeric=numeric_noise(checks))
    comparison: PathComparison | None = None
    causes: tuple[Cause, ...] = ()
    if shots or reader is not None:
        comparison, noise, causes = explain_change(subject, reels, shots, reader, noise, progress)
        notes += comparison.notes
    motion = compare_motion(subject, comparison) if comparison and subject.kind == "clip" else ()
    unexplained = unexplained_share(comparison.attributions) if comparison else 0.0
    rows: tuple[Sensitivity, ...] = ()
    if sensitivity:
        measured = measure_sensitivity(subject, reels, progress)
        rows = measured.rows
        noise = dataclasses.replace(
            noise, flicker=measured.flicker, flicker_flips=measured.flicker_flips, unsteady=measured.unsteady
        )
    return Audit(
        model=ModelFacts(
            str(subject.file), subject.kind, subject.frames, subject.height, subject.width, subject.labels,
            subject.scale or "0..255", scale_from, subject.channels,
        ),
        answer=tell(comparison, causes, noise, checks, unexplained, motion),
        consistency=checks,
        sensitivity=rows,
        snapshots=tuple(_rows(subject, comparison)) if comparison else (),
        causes=causes,
        noise=noise,
        change=float(np.mean([one.total for one in comparison.attributions])) if comparison and comparison.pairs else 0,
        unexplained=unexplained,
        preprocessing=ways,
        motion=motion,
        pictures=views_of(subject, comparison) if comparison else (),
        videos=tuple(str(reel.file) for reel in reels),
        reader=reader.name if reader else None,
        notes=tuple(notes),
    )  # fmt: skip


def explain_change(
    subject: AuditedModel,
    reels: Sequence[IndexedVideo],
    snapshots: Sequence[Snapshot],
    reader: Reader | None,
    noise: Noise,
    progress: Progress,
) -> tuple[PathComparison, Noise, tuple[Cause, ...]]:
    """Why snapshots get other answers than frames, or frames other answers by the reader: both paths, and causes.

    Raises:
        StillmotionError: the reader's pictures cannot be used.
    """
    moments = find_moments(snapshots, reels, progress) if snapshots else even_moments(reels)
    comparison = compare_paths(subject, moments, reader, progress)
    if comparison.pairs:
        noise = dataclasses.replace(noise, decoding=decoding_noise(subject, comparison.pairs))
    return comparison, noise, find_causes(comparison, noise.floor, reader.name if reader else None)


def _reels(videos: Sequence[str | Path], progress: Progress) -> tuple[list[IndexedVideo], list[str]]:
    found, skipped = [], []
    if not videos:
        raise UsageError("no videos given")
    inputs = find_inputs(videos)
    for number, video in enumerate(inputs):
        progress("reading videos", number, len(inputs))
        try:
            found.append(index_video(inputs.file(video)))
        except UnreadableVideoError as error:
            skipped.append(f"left out: {error}")
    if not found:
        raise StillmotionError(skipped[0].removeprefix("left out: "))
    return found, skipped


def _settle_scale(
    subject: AuditedModel, reels: Sequence[IndexedVideo], shots: Sequence[Snapshot], reader: Reader | None
) -> tuple[AuditedModel, str]:
    """The subject with a range, and what says that it is the right one."""
    if subject.scale is not None:
        return subject, "given, or written in run.json"
    pictures = [shot.picture for shot in shots[:16]] or [
        reel.shot(len(reel) // 2).picture.astype(np.float32) for reel in reels[:8]
    ]
    found, why = find_range(subject, pictures)
    if found is None and sum(shot.label is not None for shot in shots) >= 4:
        best = _find_preprocessing(subject, shots)[0]
        found, why = best.scale, f"labelled snapshots come out best with it ({best.accuracy:.0%} right)"
    if found is None and reader is not None:
        from stillmotion.audit.reading import first_look

        _, some = first_look(reader.frames(reels[0].file, *subject.size))
        low, high = min(float(one.min()) for _, one in some), max(float(one.max()) for _, one in some)
        found = "0..255" if not 0.05 < high <= 1 or low < -1 else "0..1" if low >= 0 else "-1..1"
        why = f"nothing in the model tells its range; taken from {reader.name}: {found}"
    if found is None:
        found, why = "0..255", "nothing in the model tells its range; taken to be 0..255"
    return dataclasses.replace(subject, scale=found), why


def _inputs(subject: AuditedModel, reels: Sequence[IndexedVideo]) -> Floats:
    """Inputs to check the model on: frames, or clips of the videos."""
    inputs = []
    for number in range(CHECKED):
        reel = reels[number % len(reels)]
        if subject.kind == "clip":
            start = number // len(reels) * 3
            places = np.minimum(start + np.arange(subject.frames), len(reel) - 1)
            values = [feed(subject, reel.shot(int(place)).picture.astype(np.float32)) for place in places]
            inputs.append(np.stack(values))
        else:
            place = int((number + 0.5) / CHECKED * len(reel))
            inputs.append(feed(subject, reel.shot(place).picture.astype(np.float32)))
    return np.stack(inputs)


def _rows(subject: AuditedModel, comparison: PathComparison) -> list[SnapshotRow]:
    lost = [moment for moment in comparison.moments if moment.match is None]
    rows = []
    for moment, one in zip(comparison.matched, comparison.attributions, strict=True):
        assert moment.match is not None
        rows.append(
            SnapshotRow(
                file=str(moment.file),
                video=str(moment.match.reel.file),
                seconds=moment.match.seconds,
                snapshot_label=subject.labels[int(one.snapshot_answer.argmax())],
                snapshot_probability=float(one.snapshot_answer.max()),
                video_label=subject.labels[int(one.video_answer.argmax())],
                video_probability=float(one.video_answer.max()),
                likeness=moment.match.likeness,
                change=one.total,
            )
        )
    if lost:
        answers = subject.answers([feed(subject, moment.picture) for moment in lost])
        rows += [
            SnapshotRow(str(moment.file), None, None, subject.labels[int(found.argmax())], float(found.max()))
            for moment, found in zip(lost, answers, strict=True)
        ]
    return sorted(rows, key=lambda row: row.file)
