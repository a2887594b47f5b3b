"""Small data sets, and runs that were never trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import stillmotion as sm
from helpers.media import write_lossy_video
from stillmotion.runs import DataRecord, RunRecord, TrainingRecord, write_run


@contextmanager
def separate_cache(folder: Path) -> Iterator[None]:
    """Keep decoded frames in a folder, for fixtures that outlive a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLMOTION_CACHE", str(folder))
        yield


@contextmanager
def short_networks() -> Iterator[None]:
    """Networks of two stages, trained from nothing: a backend takes longer to build a graph than to train with it."""
    with _widths(8, 16):
        yield


@contextmanager
def whole_networks() -> Iterator[None]:
    """Networks of four stages, as users train them: whatever depends on the depth."""
    with _widths(16, 32, 64, 96):
        yield


@contextmanager
def _widths(*widths: int) -> Iterator[None]:
    """The channels of each stage of the networks that are trained from nothing."""
    from stillmotion.models import backbones, conv3d

    with pytest.MonkeyPatch.context() as patch:
        for module in (backbones, conv3d):
            patch.setattr(module, "WIDTHS", widths)
        yield


def write_shades(folder: Path, recordings: int = 10) -> Path:
    """Dark and bright noise, in a folder per label: any frame shows the label, so it is learned quickly."""
    for label, shade in (("bright", 190), ("dark", 60)):
        for number in range(recordings):
            rng = np.random.default_rng((number, shade))
            frames = shade + rng.integers(-20, 20) + rng.integers(-25, 25, (4, 16, 16, 3))
            write_lossy_video(folder / label / f"rec{number}.mp4", np.clip(frames, 0, 255).astype(np.uint8))
    return folder


def swap_labels(videos: sm.Videos, first: str, second: str) -> sm.Videos:
    """The same videos, each with the other label."""
    swapped = {first: second, second: first}
    return sm.Videos(
        videos.root, tuple(dataclasses.replace(video, label=swapped[video.label or ""]) for video in videos)
    )


def write_untrained_run(folder: Path, family: str, spec: sm.ClipSpec, labels: Sequence[str]) -> sm.Run:
    """A run whose model has learned nothing, and yet predicts different clips differently."""
    from stillmotion.models import build_model, deployed_model, snapshot_model

    folder.mkdir(parents=True)
    recipe = sm.make_recipe(family, spec=spec)
    model = build_model(
        family, frames=spec.frames, height=spec.height, width=spec.width, classes=len(labels), options=recipe.options
    )
    kernel = model.trainable_weights[-2]  # of the last layer
    kernel.assign(np.random.default_rng(1).normal(0, 5, kernel.shape))
    record = RunRecord(
        recipe, tuple(labels), DataRecord(str(folder), "", ()), training=TrainingRecord(1, 1, 1.0, 1.0, 0.5)
    )
    run = sm.Run(folder, record)
    deployed_model(family, model, recipe.options).save(run.model_file)
    snapshot = snapshot_model(family, model)
    if snapshot is not None:
        snapshot.save(run.snapshot_file)
    return write_run(run)
