"""A verdict on two scikit-learn models that stillmotion knows nothing about: tables in, answer out.

    python examples/verdict_of_tables.py tables
    stillmotion verdict tables/still.csv tables/motion.csv

A part passes a sensor array. The still model gets the mean of the readings, the motion model also how they change.
Labels: an empty belt, a part that goes forward, a part that goes backward.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import stillmotion as sm

LABELS = ("backward", "empty", "forward")


def draw(recordings: int, first: int) -> tuple[np.ndarray, list[str], list[str]]:
    """Readings `(n, 2)` (mean and slope), labels and recordings: four passes per recording, with the same drift."""
    readings, labels, groups = [], [], []
    for recording in range(first, first + recordings):
        rng = np.random.default_rng((0, recording))
        drift = rng.normal(0, 0.4, 2)
        for _ in range(4):
            label = int(rng.integers(3))
            readings.append(np.array([2.0 * (label != 1), 1.5 * (label - 1)]) + drift + rng.normal(0, 0.8, 2))
            labels.append(LABELS[label])
            groups.append(f"shift {recording}")
    return np.array(readings), labels, groups


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    learn, learn_labels, _ = draw(60, first=1000)
    test, labels, groups = draw(60, first=0)
    for name, columns in (("still", [0]), ("motion", [0, 1])):
        model = LogisticRegression().fit(learn[:, columns], learn_labels)
        with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["video", "group", "label", *(f"prob_{label}" for label in model.classes_)])
            for number, chances in enumerate(model.predict_proba(test[:, columns])):
                writer.writerow([f"pass {number}", groups[number], labels[number], *chances])
    verdict = sm.decide_on_tables([out / "still.csv", out / "motion.csv"])
    print(verdict.sentence)
    print("separated only by motion:", [pair.labels for pair in verdict.pairs if pair.only_motion])


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else "tables"))
