"""What a training keeps after each epoch, so that it can be interrupted anywhere and lose nothing.

runs/cnn_rnn-seed0/unfinished/
    state.json              the recipe, the data's fingerprint, epochs so far; written last, names the others
    latest-12.npz           weights and optimiser after epoch 12
    best-9.npz              averaged weights of the epoch with the lowest validation loss

Plain NumPy files, not Keras's weights.h5: HDF5 ends the whole process where the disk is full.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from pydantic import TypeAdapter, ValidationError

from stillmotion.errors import StillmotionError
from stillmotion.files import atomic_write, write_json


@dataclass
class TrainingState:
    """How far a training has come. `identity` tells it from any other; `history` has a row an epoch."""

    identity: str
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.history)

    @property
    def best(self) -> Mapping[str, float]:
        """The best epoch's row."""
        return self.history[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Time spent on epochs, over all interruptions."""
        return sum(row["seconds"] for row in self.history)


_ADAPTER = TypeAdapter(TrainingState)


class CheckpointCallback(keras.callbacks.Callback):
    """Writes the state after every epoch, remembers the best, and stops when it is long past.

    Dropout is seeded anew at each epoch from (seed, epoch): saved weights do not hold its state, and a
    training that was interrupted must go on as if it had not been.
    """

    def __init__(self, folder: Path, state: TrainingState, patience: int, seed: int) -> None:
        super().__init__()
        self.folder, self.state, self.patience, self.seed = folder, state, patience, seed
        self.averaged = keras.callbacks.SwapEMAWeights()
        self.began = 0.0

    def latest(self) -> Path:
        """Weights and optimiser after the last epoch done."""
        return self.folder / f"latest-{self.state.epochs}.npz"

    def best(self) -> Path:
        """Weights after the best epoch."""
        return self.folder / f"best-{self.state.best_epoch}.npz"

    @property
    def waited(self) -> int:
        """Epochs since the best."""
        return self.state.epochs - self.state.best_epoch

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.began = time.perf_counter()
        weights = {id(weight) for weight in self.model.weights}
        states = [v for v in self.model.variables if id(v) not in weights and v.name.endswith("seed_generator_state")]
        for number, state in enumerate(states):
            state.assign(np.random.default_rng((self.seed, epoch, number)).integers(2**31, size=state.shape))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        figures = {name: float(value) for name, value in (logs or {}).items()}
        row = {
            "epoch": epoch + 1,
            **figures,
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": time.perf_counter() - self.began,
        }
        before = {self.latest(), self.best()}
        improved = not self.state.history or row["val_loss"] < self.state.best["val_loss"]
        self.state.history.append(row)
        if improved:
            self.state.best_epoch = self.state.epochs
            self.averaged.on_test_begin()
            save_variables(self.best(), self.model.weights)
            self.averaged.on_test_end()
        save_variables(self.latest(), [*self.model.weights, *self.model.optimizer.variables])
        write_json(self.folder / "state.json", asdict(self.state))
        for old in before - {self.latest(), self.best()}:
            old.unlink(missing_ok=True)
        if self.waited >= self.patience:
            self.model.stop_training = True


def save_variables(path: Path, variables: Sequence[keras.Variable]) -> None:
    """Write the values of variables, in their order."""
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(file, *[keras.ops.convert_to_numpy(variable) for variable in variables])


def load_variables(path: Path, variables: Sequence[keras.Variable]) -> None:
    """Give variables the values that `save_variables` wrote."""
    with np.load(path, allow_pickle=False) as values:
        for variable, name in zip(variables, values.files, strict=True):
            variable.assign(values[name])


def read_state(folder: Path, identity: str) -> TrainingState:
    """The state to go on from: that of an interrupted training of the same identity, or a new one.

    Raises:
        StillmotionError: the folder holds a training of something else.
    """
    file = folder / "state.json"
    try:
        state = _ADAPTER.validate_json(file.read_bytes())
    except FileNotFoundError:
        return TrainingState(identity)
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        raise StillmotionError(f"{file}: cannot be read; delete {folder} to train anew ({error})") from None
    if state.identity != identity:
        raise other_training(folder.parent)
    return state


def other_training(folder: Path) -> StillmotionError:
    """What to say of a folder that holds another training than the one asked for."""
    return StillmotionError(
        f"{folder}: holds a training with other settings or videos; give another --out, or --overwrite to delete it"
    )
