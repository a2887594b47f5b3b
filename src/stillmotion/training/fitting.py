"""Recipe and videos in, run out. Read `train` from top to bottom: it is the whole training."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stillmotion.clips import (
    ClipSpec,
    OpenedVideos,
    Segment,
    cached_frames,
    choose_rate,
    even_windows,
    frame_times,
    open_videos,
    pool_times,
    thread_map,
    trim_cache,
)
from stillmotion.data import Videos, check_labelled
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, empty_folder, folder_lock, make_folder
from stillmotion.models import FAMILIES, build_model, check_options, deployed_model, snapshot_model
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import DataRecord, Recipe, Run, RunRecord, TrainingRecord, read_run, versions, write_run
from stillmotion.training.batches import VALIDATION_WINDOWS, TrainingClips, ValidationClips
from stillmotion.training.checkpoints import (
    CheckpointCallback,
    TrainingState,
    load_variables,
    other_training,
    read_state,
)
from stillmotion.training.graph_cleanup import release_tf_graphs
from stillmotion.training.progress_callback import ProgressCallback


def make_recipe(family: str, **settings: Any) -> Recipe:
    """A recipe from a family's name, its options (`rnn="lstm"`, `size="classic"`), and a recipe's fields.

    Raises:
        UsageError: an unknown family, setting or value.
    """
    allowed = FAMILIES[family].options if family in FAMILIES else {}
    options = check_options(family, {name: settings.pop(name) for name in list(settings) if name in allowed})
    unknown = settings.keys() - {field.name for field in dataclasses.fields(Recipe)}
    if unknown:
        raise UsageError(f"{family} has no setting {sorted(unknown)[0]!r}")
    return Recipe(family, options, **settings)


def train(
    family: str | Recipe,
    train: Videos | OpenedVideos,
    validation: Videos | OpenedVideos,
    *,
    out: str | Path,
    spec: ClipSpec | None = None,
    overwrite: bool = False,
    tensorboard: bool = False,
    progress: Progress = no_progress,
    **settings: Any,
) -> Run:
    """Train one model; its run is left in the folder `out`.

    Interrupted at any moment, the same call goes on from the last whole epoch, to the same end. Called
    again when it is finished, it returns the run.

    Args:
        family: a family's name, or a whole recipe.
        train: videos to learn from.
        validation: videos that choose the epoch whose weights are kept. None of their groups is in `train`.
        out: the run's folder.
        spec: what a clip is; by default 16 frames of 64x64, at the rate that suits the videos.
        overwrite: whether another training in `out` is deleted.
        tensorboard: whether logs for TensorBoard are written to `out/tensorboard`.
        watch: told how far it is.
        settings: the family's options and the recipe's other fields, as `make_recipe` takes them.

    Raises:
        UsageError: an unknown family or setting.
        StillmotionError: unreadable videos, another training in `out`, an unwritable folder.
    """
    # What to learn from. Broken files are left out, and said to be.
    check_labelled(train.videos if isinstance(train, OpenedVideos) else train)
    parts = {"train": open_videos(train), "validation": open_videos(validation)}
    skipped = [video for part in parts.values() for video in part.skipped]
    learn, check = parts["train"].segments, parts["validation"].segments
    for part, opened in parts.items():
        if not opened.segments:
            reason = f": {skipped[0].reason}" if skipped else ""
            raise StillmotionError(f"no readable video in the {part} part{reason}")
    labels = tuple(sorted({segment.video.label or "" for segment in learn}))
    strange = sorted({segment.video.label or "" for segment in check} - set(labels))
    if strange:
        raise StillmotionError(f"label {strange[0]!r} is in the validation part but not in the train part")
    durations = [segment.seconds for segment in learn]
    if isinstance(family, Recipe):
        recipe = family
    else:
        recipe = make_recipe(family, spec=spec or ClipSpec(rate=choose_rate(durations, 16)[0]), **settings)

    # Where it goes, and how far it has come.
    folder = Path(out)
    data = DataRecord(
        root=str(train.root.resolve()),
        fingerprint=_fingerprint(learn, check),
        videos=tuple(
            [dataclasses.replace(segment.video, part="train") for segment in learn]
            + [dataclasses.replace(segment.video, part="validation") for segment in check]
        ),
        skipped=tuple((one.video.name, one.reason) for one in skipped),
        typical_seconds=float(np.median(durations)),
    )
    identity = _identity(recipe, data)
    with suppress(StillmotionError):  # another training is dealt with below
        if finished := _found(folder, identity)[0]:
            return finished
    with folder_lock(folder):
        try:
            run, state = _found(folder, identity)
        except StillmotionError:
            if not overwrite:
                raise
            empty_folder(folder)
            run, state = None, TrainingState(identity)
        if run:
            return run
        unfinished = make_folder(folder / "unfinished")

        # Decode once.
        trim_cache()
        _decode(learn, check, recipe, progress)

        # The model. Restored weights bring the optimiser's state and step along.
        keras.config.set_dtype_policy(recipe.precision)
        clips = TrainingClips(learn, labels, recipe, epoch=state.epochs)
        steps = recipe.epochs * len(clips)
        model = build_model(
            recipe.family,
            frames=recipe.spec.frames,
            height=recipe.spec.height,
            width=recipe.spec.width,
            classes=len(labels),
            options=recipe.options,
            steps=steps,
            seed=recipe.seed,
        )
        keras.config.set_dtype_policy("float32")
        model.compile(
            optimizer=keras.optimizers.AdamW(
                schedule(recipe, steps),
                weight_decay=recipe.weight_decay,
                use_ema=True,
                ema_momentum=averaging(steps),
            ),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
            metrics=["accuracy"],
        )
        keeper = CheckpointCallback(unfinished, state, recipe.patience, recipe.seed)
        if state.epochs:
            model.optimizer.build(model.trainable_variables)
            load_variables(keeper.latest(), [*model.weights, *model.optimizer.variables])

        # Fit.
        if state.epochs < recipe.epochs and (not state.epochs or keeper.waited < recipe.patience):
            # Validation sees the averaged weights, as the run's user will.
            callbacks: list[keras.callbacks.Callback] = [
                keeper.averaged,
                keeper,
                ProgressCallback(progress, recipe.epochs, len(clips)),
            ]
            if tensorboard:
                callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
            with release_tf_graphs():
                model.fit(
                    clips,
                    validation_data=ValidationClips(check, labels, recipe),
                    initial_epoch=state.epochs,
                    epochs=recipe.epochs,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )

        # The best weights are the run's; run.json is written last, and says that all else is there.
        load_variables(keeper.best(), model.weights)
        _save(deployed_model(recipe.family, model, recipe.options), folder / "model.keras")
        snapshot = snapshot_model(recipe.family, model)
        if snapshot is not None:
            _save(snapshot, folder / "snapshot.keras")
        _write_history(folder / "history.csv", state)
        record = RunRecord(
            recipe,
            labels,
            data,
            versions(keras.backend.backend(), keras.__version__),
            TrainingRecord(
                epochs=state.epochs,
                best_epoch=state.best_epoch,
                seconds=state.seconds,
                validation_loss=state.best["val_loss"],
                validation_accuracy=state.best["val_accuracy"],
            ),
        )
        run = write_run(Run(folder, record))
        shutil.rmtree(unfinished, ignore_errors=True)
        return run


def schedule(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate: up over the first tenth of the steps, then down to zero along a cosine."""
    warm_up = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 100,
        decay_steps=max(1, steps - warm_up),
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
    )


def averaging(steps: int) -> float:
    """Decay of the moving average of the weights, over an eighth of the training (Polyak and Juditsky 1992)."""
    return max(0.5, 1 - 8 / max(steps, 1))


def _decode(learn: Sequence[Segment], check: Sequence[Segment], recipe: Recipe, progress: Progress) -> None:
    """Fill the cache with all that training will ask for."""
    spec = recipe.spec
    wanted = [(segment.file, pool_times(spec, segment.window)) for segment in learn]
    for segment in check:
        windows = even_windows(spec, segment.window, VALIDATION_WINDOWS)
        wanted += [(segment.file, frame_times(spec, window)) for window in windows]
    thread_map(
        lambda one: cached_frames(*one, spec.height, spec.width),
        wanted,
        progress,
        "decoding",
    )


def _fingerprint(*parts: Sequence[Segment]) -> str:
    rows = [
        [*(getattr(s.video, name) for name in ("path", "label", "group", "start_seconds", "end_seconds")), number,
         s.file.stat().st_size]
        for number, part in enumerate(parts)
        for s in part
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _found(folder: Path, identity: str) -> tuple[Run | None, TrainingState]:
    """The finished run in the folder, or the state to go on from. Raises StillmotionError if they are another's."""
    if not (folder / "run.json").exists():
        return None, read_state(folder / "unfinished", identity)
    run = read_run(folder)
    if _identity(run.recipe, run.record.data) != identity:
        raise other_training(folder)
    return run, TrainingState(identity)


def _identity(recipe: Recipe, data: DataRecord) -> str:
    plain = json.dumps([dataclasses.asdict(recipe), data.fingerprint], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _save(model: keras.Model, path: Path) -> None:
    with atomic_write(path) as part:
        model.save(part)


def _write_history(path: Path, state: TrainingState) -> None:
    names = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in state.history)
