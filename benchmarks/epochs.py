"""Which epoch to keep, if validation has some 20 videos? Prints a Markdown table.

    python benchmarks/epochs.py DATA.csv [--models conv3d,cnn_rnn,frame_pool:set] [--rows rows.jsonl]

Each of five folds holds out a validation part, as `stillmotion compare --folds 5` does, and a fifth of the recordings
that are trained on, which stands for a test. The test part of the fold is not looked at. After every epoch of a whole
training, both are measured. For each rule that chooses an epoch by the validation part, the table has accuracy and
Brier score (from 0 to 2, the lower the better) on the held-out recordings, and the share of the epochs that are
trained. `--rows` is written after each training, and what is in it is not trained again.

    loss             lowest validation loss; stops after a third of the epochs without a lower one
    loss, late       the same, in the second half; what trainings do
    accuracy         highest validation accuracy, then lowest loss; never stops
    last             the last epoch
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np

import stillmotion as sm
from stillmotion.data.splitting import split_folds
from stillmotion.training import suit_epochs
from stillmotion.training.batches import ValidationClips, ValidationFeatures

FOLDS, PATIENCE = 5, 1 / 3
BACKBONE = "efficientnet-lite0"
# Options by the names that `--models` takes after a colon; those of heads on the pretrained backbone.
OPTIONS = {"frame_pool": "pool", "frame_changes": "pool", "frame_sequence": "head", "single_frame": "moment"}
MODELS = (
    "conv3d,cnn_rnn,single_frame:middle,frame_pool:attention,frame_pool:set,frame_changes:mean,"
    "frame_sequence:gru,frame_sequence:transformer"
)


class Epoch(NamedTuple):
    """On the held-out recordings and on the validation part."""

    accuracy: float
    log_loss: float
    brier: float
    validation_accuracy: float
    validation_loss: float


class Measure(keras.callbacks.Callback):
    """Measures the averaged weights on held-out clips whenever they are validated."""

    def __init__(self, clips: ValidationClips) -> None:
        super().__init__()
        self.batches, self.targets = [clips[index][0] for index in range(len(clips))], clips.targets
        self.rows: list[list[float]] = []

    def on_test_begin(self, logs: Any = None) -> None:
        predicted = np.concatenate([np.asarray(self.model.predict_on_batch(batch)) for batch in self.batches])
        true = (predicted * self.targets).sum(axis=1)
        right = predicted.argmax(axis=1) == self.targets.argmax(axis=1)
        brier = ((predicted - self.targets) ** 2).sum(axis=1)
        self.rows.append([float(np.mean(x)) for x in (right, -np.log(np.clip(true, 1e-7, 1)), brier)])

    def on_test_end(self, logs: Any = None) -> None:
        self.rows[-1] += [float(logs["accuracy"]), float(logs["loss"])]


def measure(data: Path, model: str, fold: int) -> tuple[int, list[list[float]]]:
    """Train a model, and return the number of held-out videos and the rows of its epochs."""
    train, validation, _ = split_folds(sm.read_videos(data), FOLDS)[fold]
    held_out = split_folds(train, FOLDS)[0][2]
    rest = train.only([video for video in train if video not in set(held_out)])
    family, _, value = model.partition(":")
    options: dict[str, Any] = {"input": "difference"} if family == "conv3d" else {}
    if value:
        options = {OPTIONS[family]: value, "backbone": BACKBONE}
    opened = sm.open_videos(rest)
    recipe = suit_epochs(sm.make_recipe(family, **options), opened.segments)
    recipe = dataclasses.replace(recipe, patience=recipe.epochs)
    clips = ValidationFeatures if value else ValidationClips
    callback = Measure(clips(sm.open_videos(held_out).segments, train.labels, recipe))
    with tempfile.TemporaryDirectory() as folder:
        sm.train(recipe, opened, validation, out=Path(folder) / "run", callbacks=[callback])
    return len(callback.targets), callback.rows


def choose(epochs: list[Epoch]) -> dict[str, tuple[int, int]]:
    """For each rule, the epoch that it keeps and how many it trains."""
    count = len(epochs)
    by_accuracy = max(range(count), key=lambda i: (epochs[i].validation_accuracy, -epochs[i].validation_loss))
    return {
        "loss": by_loss(epochs, 0),
        "loss, late": by_loss(epochs, count // 2),
        "accuracy": (by_accuracy, count),
        "last": (count - 1, count),
    }


def by_loss(epochs: list[Epoch], first: int) -> tuple[int, int]:
    """The epoch with the lowest validation loss, from one on, and how many are trained."""
    best, patience = first, max(1, int(PATIENCE * len(epochs)))
    for index in range(first, len(epochs)):
        if epochs[index].validation_loss < epochs[best].validation_loss:
            best = index
        if index - best >= patience:
            return best, index + 1
    return best, len(epochs)


def print_table(rows: list[dict[str, Any]]) -> None:
    """One line per data set and model, and the mean over them."""
    found: dict[tuple[str, str], dict[str, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
    videos: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        epochs, key = [Epoch(*values) for values in row["epochs"]], (row["data"], row["model"])
        videos[key] += row["videos"]
        for rule, (kept, trained) in choose(epochs).items():
            epoch = epochs[kept]
            found[key][rule].append((row["videos"], epoch.accuracy, epoch.brier, trained / len(epochs)))
    rules = list(choose([Epoch(0, 0, 0, 0, 0)] * 3))
    print(f"| data | model | held-out videos | {' | '.join(rules)} |\n|---|---|---|{'---|' * len(rules)}")
    means: dict[str, list[Any]] = defaultdict(list)
    for key, of_rule in found.items():
        cells = []
        for rule in rules:
            weights, *columns = zip(*of_rule[rule], strict=True)
            means[rule].append([np.average(column, weights=weights) for column in columns])
            cells.append(cell(*means[rule][-1][:2]))
        print(f"| {key[0]} | {key[1]} | {videos[key]} | {' | '.join(cells)} |")
    mean = {rule: np.mean(values, axis=0) for rule, values in means.items()}
    print(f"| mean | | | {' | '.join(cell(*mean[rule][:2]) for rule in rules)} |")
    print(f"| epochs trained | | | {' | '.join(f'{mean[rule][2]:.0%}' for rule in rules)} |")


def cell(accuracy: float, brier: float) -> str:
    return f"{100 * accuracy:.1f} %, {brier:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="*", help="labeled videos with groups")
    parser.add_argument("--models", default=MODELS, help="families, or a family and the head's kind, with a colon")
    parser.add_argument("--rows", type=Path, default=Path("epochs.jsonl"), help="file of the rows")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.rows.read_text().splitlines()] if options.rows.exists() else []
    done = {(row["data"], row["model"], row["fold"]) for row in rows}
    for data in options.data:
        for fold in range(FOLDS):
            for model in options.models.split(","):
                if (data.stem, model, fold) in done:
                    continue
                videos, epochs = measure(data, model, fold)
                rows.append({"data": data.stem, "model": model, "fold": fold, "videos": videos, "epochs": epochs})
                with options.rows.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print_table(rows)


if __name__ == "__main__":
    main()
