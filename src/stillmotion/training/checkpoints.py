"""What is saved during a training, so that it can be interrupted at any time and resumed.

runs/cnn_rnn-seed0/unfinished/
    state.json              what is being trained, and the epochs so far; written last, it names the other files
    latest-12.npz           weights and optimizer state after epoch 12
    best-9.npz              averaged weights of the best epoch

Fine-tuning continues the epochs of the head's training, in latest-finetuned-13.npz and so on: files of the whole model.

These are plain NumPy files, not Keras's weights.h5, because HDF5 ends the whole process when the disk is full.
"""

from __future__ import annotations

import math
import time
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from stillmotion.errors import StillmotionError
from stillmotion.files import atomic_write, write_json
from stillmotion.runs import STATE_FILE
from stillmotion.training.averaged_weights import SwapAveragedWeights


@dataclass
class TrainingState:
    """How far a training has come.

    Attributes:
        identity: a hash of the recipe and the videos; trainings with the same hash are the same training.
        history: one row per finished epoch: `epoch`, Keras's losses and metrics, `learning_rate`, `seconds`.
        best_epoch: the epoch of the second half with the lowest validation loss, counted from 1; of several, the first.
            Until then, the last one.
        head_epochs: the number of epochs after which fine-tuning began; 0 before that.
    """

    identity: str
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    head_epochs: int = 0

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    @property
    def epochs_since_best(self) -> int:
        """Number of epochs since the validation loss was lowest."""
        return self.epochs - self.best_epoch

    @property
    def best(self) -> Mapping[str, float]:
        """The best epoch's row."""
        return self.history[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Time spent on epochs, over all interruptions."""
        return sum(row["seconds"] for row in self.history)


_ADAPTER = TypeAdapter(TrainingState)
_REQUIRED_COLUMNS = {"epoch", "val_loss", "val_accuracy", "seconds"}
# The share of a training in which no epoch is judged. The learning rate is still high then, and a validation part of
# some 20 videos may give a lower loss to a model that knows nothing, and says so, than to one that is mostly right.
UNJUDGED_SHARE = 0.5
# The largest share of a training's time that saving takes. The epochs of a head are as short as saving it.
SAVING_SHARE = 0.05


class CheckpointCallback(keras.callbacks.Callback):
    """Saves the state after epochs, and stops the training when the validation loss no longer falls.

    The state is saved after the last epoch, and after every epoch before it unless that would take too long. What an
    interruption then costs are epochs that took some 20 times as long as saving.

    Dropout is seeded again in each epoch from (seed, epoch), because saved weights do not hold its state: a training
    that was resumed gives the same result as one that was not interrupted.

    Args:
        folder: where the files are written.
        state: the state to continue, which is updated.
        patience: number of epochs without a lower validation loss after which training stops.
        seed: the recipe's seed.
        unjudged: number of epochs at the beginning that are not judged: each counts as better than the one before.
        writes: whether files are written; of several processes that train together, one does that.
    """

    def __init__(
        self, folder: Path, state: TrainingState, patience: int, seed: int, *, unjudged: int = 0, writes: bool = True
    ) -> None:
        super().__init__()
        self.unjudged, self.writes = unjudged, writes
        self.folder, self.state, self.patience, self.seed = folder, state, patience, seed
        self.swap_averaged_weights = SwapAveragedWeights()
        self.epoch_start = 0.0
        self._best_weights: list[NDArray[Any]] | None = None  # if they have not been saved
        self._saved_files = {self.latest_file, self.best_file}
        self._saved_epochs, self._save_after = state.epochs, 0.0

    @property
    def latest_file(self) -> Path:
        """Weights and optimizer state after the last finished epoch."""
        return self.folder / f"latest{self._phase}-{self.state.epochs}.npz"

    @property
    def best_file(self) -> Path:
        """Averaged weights after the best epoch."""
        return self.folder / f"best{self._phase}-{self.state.best_epoch}.npz"

    @property
    def _phase(self) -> str:
        return "-finetuned" if self.state.head_epochs else ""

    def begin_finetuning(self, model: keras.Model) -> None:
        """Record that fine-tuning begins. If no epoch of it validates better, the best weights stay the head's.

        Args:
            model: the whole model, with the best weights of its head.
        """
        files = [self.latest_file, self.best_file]
        self.state.head_epochs = self.state.epochs
        if not self.writes:
            return
        save_variables(self.best_file, model.weights)
        write_json(self.folder / STATE_FILE, asdict(self.state))
        for file in files:
            file.unlink(missing_ok=True)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.epoch_start = time.perf_counter()
        weights = {id(weight) for weight in self.model.weights}
        states = [v for v in self.model.variables if id(v) not in weights and v.name.endswith("seed_generator_state")]
        for number, state in enumerate(states):
            state.assign(np.random.default_rng((self.seed, epoch, number)).integers(2**31, size=state.shape))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        row = {
            "epoch": epoch + 1,
            **metrics,
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": time.perf_counter() - self.epoch_start,
        }
        # Every comparison with NaN is false, so the first finite loss after it has to be asked for.
        improved = not self.state.history or (
            math.isfinite(row["val_loss"])
            and (
                self.state.best_epoch <= self.unjudged
                or row["val_loss"] < self.state.best["val_loss"]
                or not math.isfinite(self.state.best["val_loss"])
            )
        )
        self.state.history.append(row)
        if improved:
            self.state.best_epoch = self.state.epochs
            # The validation loss is that of the averaged weights, so these are what is kept.
            self.swap_averaged_weights.on_test_begin()
            self._best_weights = [np.array(keras.ops.convert_to_numpy(weight)) for weight in self.model.weights]
            self.swap_averaged_weights.on_test_end()
        if self.writes and time.perf_counter() >= self._save_after:
            self._save()
        if self.state.epochs_since_best >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if self.writes and self._saved_epochs != self.state.epochs:
            self._save()

    def _save(self) -> None:
        """Write the state, and then delete the files of the state before."""
        start = time.perf_counter()
        if self._best_weights is not None:
            save_variables(self.best_file, self._best_weights)
            self._best_weights = None
        save_variables(self.latest_file, [*self.model.weights, *self.model.optimizer.variables])
        write_json(self.folder / STATE_FILE, asdict(self.state))
        files = {self.latest_file, self.best_file}
        for file in self._saved_files - files:
            file.unlink(missing_ok=True)
        self._saved_files, self._saved_epochs = files, self.state.epochs
        end = time.perf_counter()
        self._save_after = end + (end - start) / SAVING_SHARE


def save_variables(path: Path, variables: Sequence[keras.Variable | NDArray[Any]]) -> None:
    """Write the values of variables to an .npz file, in their order.

    Args:
        path: the file.
        variables: any variables of a model or an optimizer, or their values.

    Raises:
        StillmotionError: the file cannot be written.
    """
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(file, *[keras.ops.convert_to_numpy(variable) for variable in variables])


def load_variables(path: Path, variables: Sequence[keras.Variable]) -> None:
    """Assign the values that `save_variables` wrote.

    Args:
        path: the file.
        variables: as many as were saved, in the same order.

    Raises:
        StillmotionError: the file is missing or damaged, or its arrays are not those of the variables.
    """
    try:
        # NumPy leaves a damaged file open if it opens it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            values = [archive[name] for name in archive.files]
        if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
            raise ValueError("other shapes")
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        raise _unreadable_error(path) from None
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def read_state(folder: Path, identity: str) -> TrainingState:
    """Read the state of an interrupted training.

    Args:
        folder: where `CheckpointCallback` wrote.
        identity: that of the training to resume.

    Returns:
        The state to continue from; a new one if nothing was saved.

    Raises:
        StillmotionError: the folder holds another training, or cannot be read.
    """
    file = folder / STATE_FILE
    try:
        state = _ADAPTER.validate_json(file.read_bytes())
    except FileNotFoundError:
        return TrainingState(identity)
    except (OSError, ValidationError):
        raise _unreadable_error(file) from None
    if state.identity != identity:
        raise other_training_error(folder.parent)
    complete = all(row.keys() >= _REQUIRED_COLUMNS for row in state.history)
    if not complete or not 1 <= state.best_epoch <= state.epochs or not 0 <= state.head_epochs <= state.epochs:
        raise _unreadable_error(file)
    return state


def _unreadable_error(file: Path) -> StillmotionError:
    """The error for a damaged file of an unfinished training."""
    return StillmotionError(f"{file}: cannot be read; delete {file.parent} to train again")


def other_training_error(folder: Path) -> StillmotionError:
    """The error for a folder that holds another training than the one asked for."""
    return StillmotionError(
        f"{folder}: holds a training with other settings, videos or backbone; choose another folder, or overwrite it"
    )
