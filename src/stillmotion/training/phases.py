"""The phases of a training: a whole model on pixels, or a head on features and then, perhaps, fine-tuning on pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import keras

from stillmotion.clips import Segment, cached_frames, frame_times, thread_map
from stillmotion.errors import StillmotionError
from stillmotion.features import FeatureRequest, extract_features
from stillmotion.models import build_head, build_model, join_backbone, pretrained_backbone
from stillmotion.models.heads import FeatureShape, set_standardization
from stillmotion.progress import Progress
from stillmotion.runs import TENSORBOARD_FOLDER, UNFINISHED_FOLDER, Recipe, delete_unfinished
from stillmotion.training.batches import (
    TrainingClips,
    TrainingFeatures,
    ValidationClips,
    ValidationFeatures,
    training_spec,
    training_times,
    training_windows,
)
from stillmotion.training.bfloat16_products import bfloat16_products
from stillmotion.training.checkpoints import UNJUDGED_SHARE, CheckpointCallback, TrainingState, load_variables
from stillmotion.training.devices import ONE_DEVICE, Devices
from stillmotion.training.finetuning import FINETUNE_EPOCHS, FINETUNE_LEARNING_RATE, unfreeze_last_stages
from stillmotion.training.fused_normalization import fused_normalization
from stillmotion.training.graph_cleanup import release_tf_graphs
from stillmotion.training.optimizer import ema_momentum, learning_rate_once, make_optimizer
from stillmotion.training.own_parts import NO_OWN_PARTS, OwnParts
from stillmotion.training.progress_callback import ProgressCallback

T = TypeVar("T", bound=TrainingClips)


@dataclass(frozen=True)
class TrainingPhases:
    """Everything that the phases of one training share.

    Attributes:
        recipe: how it is trained.
        labels: the class names.
        train: what is learned from.
        validation: what chooses the epoch.
        folder: the run's folder.
        state: how far the training has come; it is updated.
        tensorboard: whether logs for TensorBoard are written.
        progress: receives the steps done.
        devices: what the batches are divided among.
        own: a user's own parts.
    """

    recipe: Recipe
    labels: Sequence[str]
    train: Sequence[Segment]
    validation: Sequence[Segment]
    folder: Path
    state: TrainingState
    tensorboard: bool
    progress: Progress
    devices: Devices = ONE_DEVICE
    own: OwnParts = NO_OWN_PARTS

    def fill_cache(self) -> None:
        """Decode all frames that the training will use, and run them through a pretrained backbone, into the cache."""
        recipe, spec = self.recipe, self.recipe.spec
        backbone = pretrained_backbone(recipe.options)
        if backbone is None or recipe.finetune:
            pools = [(segment.file, training_times(spec, segment.window)) for segment in self.train]
            clips = [
                (segment.file, frame_times(spec, window))
                for segment in self.validation
                for window in training_windows(spec, segment)
            ]
            thread_map(
                lambda request: cached_frames(*request, spec.height, spec.width),
                pools + clips,
                self.progress,
                "decoding",
            )
        if backbone is not None:
            requests = [
                FeatureRequest(segment.file, frame_times(clip_spec, window))
                for clip_spec, segments in ((training_spec(recipe), self.train), (spec, self.validation))
                for segment in segments
                for window in training_windows(clip_spec, segment)
            ]
            extract_features(backbone, requests, spec.height, spec.width, progress=self.progress)

    def fit_model(self) -> keras.Model:
        """Fit a whole model on pixels.

        Returns:
            The model, with the weights of the best epoch.

        Raises:
            StillmotionError: the training diverged, or cannot be resumed from what was saved.
        """
        recipe, spec = self.recipe, self.recipe.spec
        keras.config.set_dtype_policy(recipe.precision)
        clips = self._clips(TrainingClips)
        model = build_model(
            recipe.family,
            frames=spec.frames,
            height=spec.height,
            width=spec.width,
            classes=len(self.labels),
            options=recipe.options,
            steps=recipe.epochs * len(clips),
            seed=recipe.seed,
        )
        keras.config.set_dtype_policy("float32")
        self._fit(model, clips, ValidationClips(self.validation, self.labels, recipe), recipe.epochs)
        return model

    def fit_head(self, backbone: keras.Model) -> keras.Model:
        """Fit a head on the features of a pretrained backbone.

        Args:
            backbone: see `build_backbone`.

        Returns:
            The head, with the weights of the best epoch. If fine-tuning has begun, the weights are not restored.

        Raises:
            StillmotionError: as for `fit_model`.
        """
        recipe = self.recipe
        grid, (top,) = (output.shape[1:] for output in backbone.outputs)
        keras.config.set_dtype_policy(recipe.precision)
        clips = self._clips(TrainingFeatures)
        head = build_head(
            recipe.family,
            frames=recipe.spec.frames,
            grid=grid,
            top=top,
            classes=len(self.labels),
            options=recipe.options,
            steps=recipe.epochs * len(clips),
            seed=recipe.seed,
        )
        keras.config.set_dtype_policy("float32")
        set_standardization(head, FeatureShape(recipe.spec.frames, grid, top), clips.features)
        if not self.state.head_epochs:
            self._fit(head, clips, ValidationFeatures(self.validation, self.labels, recipe), recipe.epochs)
        return head

    def finetune(self, backbone: keras.Model, head: keras.Model) -> None:
        """Fit the last stages of a backbone together with its trained head, on pixels.

        If no epoch validates better than the head on the frozen backbone did, both stay as they were.

        Args:
            backbone: the backbone, whose weights change.
            head: the head, whose weights change.

        Raises:
            StillmotionError: as for `fit_model`.
        """
        recipe, state = self.recipe, self.state
        unfreeze_last_stages(backbone)
        model = join_backbone(recipe.family, backbone, head)
        if not state.head_epochs:
            self._checkpoints().begin_finetuning(model)
            self.devices.wait("fine-tuning begins")
        clips = self._clips(TrainingClips)
        held_out = ValidationClips(self.validation, self.labels, recipe)
        self._fit(model, clips, held_out, state.head_epochs + FINETUNE_EPOCHS, finetunes=True)

    def _fit(
        self,
        model: keras.Model,
        clips: TrainingClips,
        validation_clips: ValidationClips,
        epochs: int,
        *,
        finetunes: bool = False,
    ) -> None:
        """Train until an epoch, from wherever the training has come to, and load the weights of the best epoch."""
        recipe, state = self.recipe, self.state
        steps = (epochs - state.head_epochs) * len(clips)
        peak = FINETUNE_LEARNING_RATE if finetunes else recipe.learning_rate
        model.compile(
            optimizer=self._own_optimizer(steps) or make_optimizer(recipe, steps, learning_rate=peak),
            loss=self.own.loss or keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        )
        # TensorFlow traces the training step a second time if there are variables that the first has made.
        model.optimizer.build(model.trainable_variables)
        checkpoints = self._checkpoints()
        if state.epochs:
            # The best weights are needed only at the end. If they are damaged, that is reported before hours of work.
            load_variables(checkpoints.best_file, model.weights)
        # Restored variables include the optimizer's state and step.
        if state.epochs > state.head_epochs:
            load_variables(checkpoints.latest_file, [*model.weights, *model.optimizer.variables])

        # A training may have been interrupted after its last epoch.
        if state.epochs < epochs and (not state.epochs or state.epochs_since_best < checkpoints.patience):
            callbacks: list[keras.callbacks.Callback] = [
                # Validation uses the averaged weights, which are those that the run will have.
                checkpoints.swap_averaged_weights,
                checkpoints,
                ProgressCallback(self.progress, epochs, len(clips)),
            ]
            callbacks.extend(self.devices.callbacks())
            if self.tensorboard and self.devices.first:
                callbacks.append(keras.callbacks.TensorBoard(self.folder / TENSORBOARD_FOLDER))
            callbacks.extend(self.own.callbacks)
            with (
                release_tf_graphs(),
                fused_normalization(model),
                learning_rate_once(model.optimizer),
                bfloat16_products(recipe.precision),
            ):
                model.fit(
                    clips,
                    validation_data=validation_clips,
                    initial_epoch=state.epochs,
                    epochs=epochs,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )

        # Without a finite loss no epoch is the best. The state is of no use to another learning rate.
        if not math.isfinite(state.best["val_loss"]):
            if self.devices.first:
                delete_unfinished(self.folder / UNFINISHED_FOLDER)
            raise StillmotionError(
                f"{self.folder}: training diverged (the loss is not finite); use a smaller learning rate"
            )
        self.devices.wait(f"{checkpoints.best_file.name} is written")
        load_variables(checkpoints.best_file, model.weights)
        self.devices.wait(f"{checkpoints.best_file.name} is read")

    def _clips(self, kind: Callable[..., T]) -> T:
        """The clips that are learned from, from wherever the training has come to."""
        epoch = self.state.epochs
        return kind(self.train, self.labels, self.recipe, epoch=epoch, own=self.own, devices=self.devices)

    def _own_optimizer(self, steps: int) -> keras.optimizers.Optimizer | None:
        """A copy of the user's optimizer, with a moving average of the weights, which every training validates."""
        if self.own.optimizer is None:
            return None
        config = self.own.optimizer.get_config()
        if not config["use_ema"]:
            config |= {"use_ema": True, "ema_momentum": ema_momentum(steps)}
        return type(self.own.optimizer).from_config(config)

    def _checkpoints(self) -> CheckpointCallback:
        patience, unjudged = self.recipe.patience, int(UNJUDGED_SHARE * self.recipe.epochs)
        if self.state.head_epochs:  # Fine-tuning has few epochs, takes all of them, and has to be better than the head.
            patience, unjudged = patience + self.state.epochs + FINETUNE_EPOCHS, 0
        return CheckpointCallback(
            self.folder / UNFINISHED_FOLDER,
            self.state,
            patience,
            self.recipe.seed,
            unjudged=unjudged,
            writes=self.devices.first,
        )
