"""Recipe and videos in, run out. Read `train` from top to bottom: it is the whole training."""

from __future__ import annotations

import csv
import dataclasses
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal, Unpack

import keras
import numpy as np

from stillmotion.clips import (
    ClipSpec,
    OpenedVideos,
    Segment,
    choose_rate,
    open_videos,
    trim_cache,
)
from stillmotion.data import Videos, as_videos, check_labeled, shared_videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import as_path, atomic_write, folder_lock, make_folder
from stillmotion.models import (
    FAMILIES,
    SMALL,
    Builder,
    build_model,
    default_size,
    deployed_model,
    join_backbone,
    pretrained_backbone,
    snapshot_model,
)
from stillmotion.models.fingerprints import fingerprint_model
from stillmotion.models.pretrained import build_backbone, find_backbone, weights_id
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import (
    COMPARISON_FILE,
    UNFINISHED_FOLDER,
    DataRecord,
    Recipe,
    Run,
    RunRecord,
    TrainingRecord,
    delete_run,
    delete_unfinished,
    versions,
    write_memory,
    write_run,
)
from stillmotion.training.bfloat16_products import has_bfloat16_products
from stillmotion.training.checkpoints import TrainingState
from stillmotion.training.devices import find_devices
from stillmotion.training.own_parts import Augmentation, OwnParts
from stillmotion.training.phases import TrainingPhases
from stillmotion.training.recipes import TrainingSettings, frozen_backbone, make_recipe, suit_epochs
from stillmotion.training.remembering import remember_clips
from stillmotion.training.resuming import find_training, fingerprint_segments, identify_training

log = logging.getLogger(__name__)


def train(
    family: str | Builder | Recipe,
    train: Videos | OpenedVideos | str | Path,
    validation: Videos | OpenedVideos | str | Path,
    *,
    out: str | Path,
    spec: ClipSpec | None = None,
    overwrite: bool = False,
    tensorboard: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | Callable[..., Any] | str | None = None,
    class_weights: Mapping[str, float] | None = None,
    augmentation: Augmentation | None = None,
    devices: int | Literal["all"] = 1,
    progress: Progress = no_progress,
    **settings: Unpack[TrainingSettings],
) -> Run:
    """Train one model, and leave its run in a folder.

    If the training is interrupted, the same call resumes it after the last saved epoch, with the same result as if
    it had not been interrupted. If it is finished, the same call returns the run.

    Args:
        family: a family's name; a function of your own, `build(frames, height, width, classes, **options)`, or its name
            "package.module:function" (see `make_recipe`); or a whole recipe.
        train: labeled videos to learn from, or their folder or table.
        validation: likewise; they choose the epoch whose weights are kept, and when to stop. None of them may be
            in `train`. If some of their groups are, a verdict on the run warns of it.
        out: the run's folder.
        spec: what a clip is; by default 16 frames of 64x64, or of what a pretrained backbone is made for, at the rate
            that suits the videos. A recipe has its own.
        overwrite: whether another training in `out` is deleted; files that are not the run's are kept.
        tensorboard: whether logs for TensorBoard are written to `out/tensorboard`.
        callbacks: your own Keras callbacks.
        optimizer: an optimizer of your own. A moving average of the weights is validated and kept, as with ours.
        loss: a loss of your own, of one-hot labels and probabilities: what `compile` takes.
        class_weights: by label; by default they give every label the same total.
        augmentation: a function of your own in place of `augment`, from a clip, uint8 `(frames, height, width, 3)`, and
            a NumPy random generator to such a clip.
        devices: how many devices each batch is divided among, or "all", on JAX. Several processes, which Keras's
            KERAS_DISTRIBUTION variables connect, use "all" and share `out`.
        progress: receives the steps done, with the figures of the last finished epoch.
        **settings: the family's options and other fields of the recipe, as `make_recipe` takes them.

    Returns:
        The finished run. Videos that cannot be read are skipped and listed in its record.

    Raises:
        UsageError: an unknown family or setting, a part of your own that does not fit, or devices that are not there.
        StillmotionError: a video in both parts, no readable video, labels that do not agree, a loss that is never
            finite, another training in `out`, another process working in it, or a folder that cannot be written to,
            holds the data set or is that of a comparison.

    Examples:
        >>> train, validation, test = sm.split("clips/")
        >>> run = sm.train("frame_pool", train, validation, out="runs/mine", pool="attention", epochs=30)
        >>> run = sm.evaluate(run, test)
    """
    on = find_devices(devices)
    train, validation = (part if isinstance(part, OpenedVideos) else as_videos(part) for part in (train, validation))
    folder = as_path(out, "the run's folder")
    _check_run_folder(folder, (train.root, validation.root))

    # Open the videos.
    check_labeled(as_videos(train))
    parts = {"train": open_videos(train), "validation": open_videos(validation)}
    both = shared_videos(parts["train"].videos, parts["validation"].videos)
    if both:
        raise StillmotionError(
            f"{len(both)} videos are in the train part and in the validation part ({both[0]}, ...); give two parts, "
            "such as the first two that `split` gives"
        )
    skipped = [video for part in parts.values() for video in part.skipped]
    train_segments, validation_segments = parts["train"].segments, parts["validation"].segments
    for name, part in parts.items():
        if not part.segments:
            reason = f": {skipped[0].reason}" if skipped else ""
            raise StillmotionError(f"no readable video in the {name} part{reason}")
    labels = tuple(sorted({segment.video.label or "" for segment in train_segments}))
    unknown = sorted({segment.video.label or "" for segment in validation_segments} - set(labels))
    if unknown:
        raise StillmotionError(f"label {unknown[0]!r} is in the validation part but not in the train part")
    durations = [segment.seconds for segment in train_segments]
    if isinstance(family, Recipe):
        recipe = family
    else:
        own_rates = [segment.facts.rate for segment in train_segments if segment.seconds > 0]
        rate = choose_rate(durations, ClipSpec().frames, own_rates)[0]
        size = default_size({"backbone": settings.get("backbone", SMALL)})
        spec = spec or ClipSpec(rate=rate, size=size)
        recipe = make_recipe(family, spec=spec, **settings)
        recipe = recipe if "epochs" in settings else suit_epochs(recipe, train_segments)

    own = OwnParts(callbacks, optimizer, loss, class_weights, augmentation)
    own.check(labels, on_pixels=frozen_backbone(recipe) is None, finetune=recipe.finetune)
    described = own.description()
    given = [part for part in recipe.own if part not in ("family", "backbone")]
    if given and set(given) != set(described):
        raise UsageError(f"the recipe was made with parts of a user's own: give {', '.join(given)} again")
    recipe = dataclasses.replace(recipe, own=described | _describe_own_models(recipe, len(labels)))

    # Find out whether this training has been started before.
    data = DataRecord(
        root=str(train.root.resolve()),
        fingerprint=fingerprint_segments(train_segments, validation_segments),
        videos=tuple(
            [dataclasses.replace(segment.video, part="train") for segment in train_segments]
            + [
                dataclasses.replace(segment.video, part="validation", path=_relative_path(segment, train.root))
                for segment in validation_segments
            ]
        ),
        skipped=tuple((video.video.name, video.reason) for video in skipped),
        typical_seconds=float(np.median(durations)),
    )
    identity = identify_training(recipe, data)
    # A finished run needs no lock, so it may be in a folder that cannot be written to. If the folder holds another
    # training, that is reported, or overwritten, once the folder is locked.
    with suppress(StillmotionError):
        if finished := find_training(folder, identity)[0]:
            log.info("%s: trained before, and reused", folder)
            return finished
    with ExitStack() as locked:
        run, state = None, TrainingState(identity)
        with on.together(identity):
            on.check_batch(recipe.batch_size)
            if on.first:
                locked.enter_context(folder_lock(folder))
                try:
                    run, state = find_training(folder, identity)
                except StillmotionError:
                    if not overwrite:
                        raise
                    delete_run(folder)
        if not on.first:
            run, state = find_training(folder, identity)
        if run:
            log.info("%s: trained before, and reused", folder)
            return run
        if state.epochs:
            log.info("%s: resumes after epoch %d", folder, state.epochs)
        unfinished = make_folder(folder / UNFINISHED_FOLDER)

        # Decode each video once. If the backbone is pretrained, each frame goes through it once.
        trim_cache()
        phases = TrainingPhases(
            recipe, labels, train_segments, validation_segments, folder, state, tensorboard, progress, on, own
        )
        phases.fill_cache()
        memory = remember_clips([*train_segments, *validation_segments], recipe.spec, progress)

        # Fit a whole model on pixels; or a head on features, and then perhaps the last stages of its backbone.
        backbone = pretrained_backbone(recipe.options)
        with on.scope():
            if backbone is None:
                model = deployed_model(recipe.family, phases.fit_model(), recipe.options)
            else:
                network = build_backbone(backbone, recipe.spec.height, recipe.spec.width)
                head = phases.fit_head(network)
                if recipe.finetune:
                    phases.finetune(network, head)
                model = join_backbone(recipe.family, network, deployed_model(recipe.family, head, recipe.options))

        made_by = versions(keras.backend.backend(), keras.__version__)
        if has_bfloat16_products(recipe.precision):
            made_by["products"] = "bfloat16"
        if backbone is not None:
            made_by["backbone"] = weights_id(backbone)
        record = RunRecord(
            recipe,
            labels,
            data,
            made_by,
            TrainingRecord(
                epochs=state.epochs,
                best_epoch=state.best_epoch,
                seconds=state.seconds,
                validation_loss=state.best["val_loss"],
                validation_accuracy=state.best["val_accuracy"],
            ),
        )
        run = Run(folder, record)
        with on.together():
            if not on.first:
                return run
            # The weights of the best epoch. run.json is written last, because it says that the run is complete.
            _save(model, folder / "model.keras")
            snapshot = snapshot_model(recipe.family, model)
            if snapshot is not None:
                _save(snapshot, folder / "snapshot.keras")
            _write_history(folder / "history.csv", state)
            if memory is not None:
                write_memory(memory, run)
            write_run(run)
            delete_unfinished(unfinished)
        return run


def _describe_own_models(recipe: Recipe, classes: int) -> dict[str, str]:
    """What a user's function builds, and what a backbone in a file of theirs computes: names stay when it changes."""
    backbone = pretrained_backbone(recipe.options)
    described = {}
    if backbone is not None and find_backbone(backbone).own_model is not None:
        described["backbone"] = weights_id(backbone)
    if recipe.family not in FAMILIES:
        spec = recipe.spec
        size = {"frames": spec.frames, "height": spec.height, "width": spec.width}
        model = build_model(recipe.family, **size, classes=classes, options=recipe.options)
        described["family"] = fingerprint_model(model)
    return described


def _check_run_folder(folder: Path, roots: Sequence[Path]) -> None:
    """Refuse a folder that holds the videos themselves, or a whole comparison."""
    for root in roots:
        if root.resolve().is_relative_to(folder.resolve()):
            raise StillmotionError(f"{folder}: holds the data set ({root}); choose another folder for the run")
    if (folder / COMPARISON_FILE).exists():
        raise StillmotionError(f"{folder}: holds a comparison; choose another folder for the run")


def _relative_path(segment: Segment, root: Path) -> str:
    """The path of a video from the data set's root, which the validation part may not be below."""
    if segment.file == root / segment.video.path:
        return segment.video.path
    return Path(os.path.relpath(segment.file, root)).as_posix()


def _save(model: keras.Model, path: Path) -> None:
    """Save a model, completely or not at all."""
    with atomic_write(path) as part:
        model.save(part)


def _write_history(path: Path, state: TrainingState) -> None:
    """Write history.csv: one row per epoch."""
    names = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in state.history)
