"""A battery of generated data sets whose truth is known: does the verdict say it? Prints a Markdown table.

    python benchmarks/verdicts.py --out battery [--only direction] [--first 10]

Each set crosses what tells its labels apart with how plain that is, the number of recordings, wrong labels, and a
leak. Both families are trained on it as `compare` does, on 24 x 24 pixels, and the verdict is scored:

    right      it says what is true
    wrong      *motion needed* where single frames tell all that there is to tell, or where nothing does; *stills
               suffice* where single frames tell nothing
    undecided  with the chance that ideal models would have been decided on, and, where that is above 80 %, the chance
               that these models would have been as they are, measured on recordings that nobody has seen: the first
               above and the second below say that training fell short, both above that the statistics did

Films are a second of 8 frames, three or four from each recording, whose light is its own. Half of the recordings are
tested on; of 60, all in three folds, for it takes 55 groups without a disagreement to say that stills suffice.
Interrupted, the same command goes on. A set takes half a minute to four on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np

SIDE, FRAMES, RATE = 24, 8, 8
CLIPS = 3  # of a recording
STRENGTHS = {"obvious": 110, "faint": 30, "invisible": 0}  # of 255, on noise of 12
FRESH = 150  # recordings on which trained models are measured
LIKELY = 0.8
MOVING = ("direction", "speed", "order")


@dataclass(frozen=True)
class Set:
    """tells: what tells the labels apart. strength: how plain. groups: recordings. noise: share of wrong labels."""

    tells: str
    strength: str
    groups: int
    noise: float = 0.0
    leak: bool = False

    @property
    def name(self) -> str:
        leak = "-leak" if self.leak else ""
        return f"{self.tells}-{self.strength}-{self.groups}{f'-noise{self.noise:g}' if self.noise else ''}{leak}"

    @property
    def labels(self) -> int:
        return 4 if self.tells == "both" else 2

    @property
    def ideal(self) -> tuple[float, float]:
        """Accuracies of an ideal still and motion model against the labels as they are given."""
        seen = self.strength != "invisible" and self.tells != "nothing"
        still = {"look": 1.0, "moment": 1.0, "both": 0.5}.get(self.tells, 1 / self.labels) if seen else 1 / self.labels
        motion = 1.0 if seen else 1 / self.labels
        if self.leak:
            still, motion = 1.0, 1.0
        wrong = self.noise
        return tuple(one * (1 - wrong) + (1 - one) * wrong / (self.labels - 1) for one in (still, motion))  # type: ignore[return-value]

    @property
    def truth(self) -> str:
        still, motion = self.ideal
        if motion > still + 0.05:
            return "motion needed"
        return "stills suffice" if still > 1.2 / self.labels else "nobody can tell"


def battery() -> Iterator[Set]:
    """48 sets."""
    for tells, groups in product(("look", *MOVING, "both", "moment"), (12, 40)):
        yield Set(tells, "obvious", groups)
    for tells in ("look", *MOVING, "both", "moment"):
        yield Set(tells, "obvious", 60)
        yield Set(tells, "faint", 40)
        yield Set(tells, "invisible", 40)
        yield Set(tells, "obvious", 40, noise=0.15)
    for groups in (4, 12, 40, 60):
        yield Set("nothing", "obvious", groups)
    for tells in ("look", "direction", "speed", "nothing"):
        yield Set(tells, "obvious", 40, leak=True)
    for tells in ("look", "direction"):
        yield Set(tells, "obvious", 4)
        yield Set(tells, "faint", 60)


def draw(one: Set, label: int, rng: np.random.Generator, light: float) -> np.ndarray:
    """A clip: uint8 `(FRAMES, SIDE, SIDE, 3)`. Single frames of `MOVING` sets are alike for all labels."""
    amplitude = STRENGTHS[one.strength]
    level = light + (35 * (2 * (label % 2) - 1) if one.leak else 0)
    clip = np.full((FRAMES, SIDE, SIDE, 3), level, float)
    looks, moves = (label % 2, label // 2) if one.tells == "both" else (label, label)
    x, y = rng.integers(SIDE), rng.integers(SIDE - 8)
    step = {"direction": 3 * (2 * moves - 1), "both": 3 * (2 * moves - 1),
            "speed": (1, 4)[moves] * rng.choice([-1, 1])}.get(one.tells, 0)  # fmt: skip
    for t in range(FRAMES):
        columns = (x + step * t + np.arange(8)) % SIDE
        if one.tells in ("look", "both"):
            clip[t, y : y + 8, columns] += amplitude * (2 * looks - 1)
        elif one.tells in ("direction", "speed"):
            clip[t, y : y + 8, columns] += amplitude
        elif one.tells == "order":
            first = (t < FRAMES // 2) == (label == 0)
            clip[t, :, :, 0 if first else 2] += amplitude / 2
        elif one.tells == "nothing":
            clip[t, y : y + 8, columns] += amplitude
    if one.tells == "moment":
        t = rng.integers(1, FRAMES - 1)
        clip[t, 6:18, 6:18, 0 if label else 2] += amplitude
    return np.clip(clip + rng.normal(0, 12, clip.shape), 0, 255).astype(np.uint8)


def recording(one: Set, group: int) -> Iterator[tuple[np.ndarray, int]]:
    """Its clips, and the labels that they are given."""
    rng = np.random.default_rng((*one.name.encode(), group))
    light = rng.uniform(90, 150)
    for clip in range(max(CLIPS, one.labels)):
        label = int((group + clip) % one.labels)
        drawn = draw(one, label, rng, light)
        yield drawn, label if rng.random() >= one.noise else int((label + rng.integers(1, one.labels)) % one.labels)


def film(one: Set, folder: Path) -> Path:
    """Write its videos and its table; recordings hold all labels in turn."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = ["path,label,group"]
    for group in range(one.groups):
        for number, (clip, label) in enumerate(recording(one, group)):
            write(folder / f"{group}-{number}.mp4", clip)
            lines.append(f"{group}-{number}.mp4,label{label},recording{group}")
    (folder / "videos.csv").write_text("\n".join(lines) + "\n")
    return folder / "videos.csv"


def write(path: Path, clip: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=RATE, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "rgb24"
        for picture in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def judge(one: Set, folder: Path, epochs: int) -> dict[str, Any]:
    """Train, compare, score."""
    import keras

    import stillmotion as sm
    from stillmotion.comparison import require_motion_evidence
    from stillmotion.inspection import describe_shortcuts

    keras.utils.clear_session()
    videos = sm.read_videos(film(one, folder / "clips"))
    if one.groups >= 60:
        folds = sm.split_folds(videos, 3, seed=0)
    else:
        folds = [sm.split(videos, (0.4, 0.1, 0.5) if one.groups > 4 else (0.5, 0.25, 0.25), seed=0)]
    spec = sm.ClipSpec(frames=FRAMES, size=SIDE)
    runs = []
    for (learn, validation, test), family in product(folds, ("frame_pool", "conv3d")):
        out = folder / f"{family}-{len(runs)}"
        run = sm.train(family, learn, validation, out=out, spec=spec, epochs=epochs, batch_size=8)
        runs.append(sm.evaluate(run, test))
    comparison = sm.compare_runs(runs)
    assert comparison.verdict is not None
    tested = [(still, motion, fold[2]) for still, motion, fold in zip(runs[::2], runs[1::2], folds, strict=True)]
    verdict = require_motion_evidence(comparison.verdict, evidence_of(tested, comparison.verdict))
    leaks = describe_shortcuts(sm.find_shortcuts(videos))
    still, motion = (comparison.families[family].accuracy.value for family in ("frame_pool", "conv3d"))
    found = {
        **dataclasses.asdict(one),
        "name": one.name,
        "truth": one.truth,
        "answer": verdict.answer,
        "score": score(one, verdict.answer),
        "test groups": verdict.groups,
        "still": still,
        "motion": motion,
        "low": verdict.low,
        "high": verdict.high,
        "power": power(one, verdict.videos, verdict.groups),
        "as trained": None,
        "leak said": bool(leaks),
    }
    if found["score"] == "undecided" and found["power"] >= LIKELY:
        found["as trained"] = power_as_trained(one, runs, verdict.groups)
    shutil.rmtree(folder)
    return found


def evidence_of(tested: Sequence[tuple[Any, Any, Any]], verdict: Any) -> Any:
    """What tempers *motion needed*: tampered clips, and the still model's single frames.

    tested: for each fold its still run, its motion run, and the test part.
    """
    import stillmotion as sm
    from stillmotion.comparison import gather_evidence, join_folds, read_predictions

    if verdict.statistical_answer == "motion needed":
        for still, motion, test in tested:
            sm.predict_over_time(still, test)
            sm.evaluate_perturbed(motion, test)
    moments = {verdict.still: [still.over_time_file for still, _, _ in tested]}
    answers = join_folds([0] * len(tested), [read_predictions(motion.predictions_file) for _, motion, _ in tested])
    return gather_evidence([motion.perturbed_file for _, motion, _ in tested], {}, answers, moments, verdict.still)


def score(one: Set, answer: str) -> str:
    """right, wrong or undecided."""
    if answer == "undecided":
        return "right" if one.truth == "nobody can tell" else "undecided"
    return "right" if answer == one.truth else "wrong"


def power(one: Set, videos: int, groups: int, draws: int = 400) -> float:
    """How often ideal models on so many independent videos of so many groups would be decided on."""
    rng = np.random.default_rng((7,))
    codes = np.arange(videos) % groups
    still, motion = one.ideal
    decided = 0
    for _ in range(draws):
        shared = rng.random(videos)  # labels that both get wrong
        frequent = rng.integers(one.labels, size=videos) == 0
        decided += is_decided(np.array([shared < still, shared < motion, frequent], float), codes)
    return decided / draws


def power_as_trained(one: Set, runs: Sequence[Any], groups: int, draws: int = 400) -> float:
    """How often these models, still and motion in turn, would be decided on with so many groups of `FRESH` new ones."""
    import keras

    models = [keras.saving.load_model(run.model_file) for run in runs]
    labels = [f"label{number}" for number in range(one.labels)]
    rights = []
    for group in range(1000, 1000 + FRESH):
        clips, labelled = zip(*recording(one, group), strict=True)
        given = np.array(labelled)
        fold = 2 * (group % (len(models) // 2))
        still, motion = (
            np.array([run.labels.index(labels[label]) for label in given])
            == model.predict_on_batch(np.stack(clips)).argmax(axis=1)
            for run, model in zip(runs[fold : fold + 2], models[fold : fold + 2], strict=True)
        )
        rights.append(np.array([still, motion, given == 0], float))
    rng = np.random.default_rng((8,))
    codes = np.repeat(np.arange(groups), rights[0].shape[1])
    drawn = (np.concatenate([rights[at] for at in rng.integers(FRESH, size=groups)], axis=1) for _ in range(draws))
    return sum(is_decided(table, codes) for table in drawn) / draws


def is_decided(rights: np.ndarray, codes: np.ndarray) -> bool:
    """As `decide`: the interval on one side of the margin, and the model that the answer rests on beats guessing.

    rights: (3, n), of the still model, the motion model, and one that always gives the same label.
    """
    from stillmotion.statistics import estimate_mean, proportion_interval

    still, motion, frequent = rights
    low, high = estimate_mean(motion - still, codes).interval()
    rests_on = motion if low > 0.05 else still if high < 0.05 else None
    return rests_on is not None and bool(
        estimate_mean(rests_on - frequent, codes).interval()[0] > 0
        or proportion_interval(rests_on, codes)[0] > frequent.mean()
    )


def print_table(rows: list[dict[str, Any]]) -> None:
    columns = ("name", "truth", "answer", "score", "test groups", "still", "motion", "power", "as trained", "leak said")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(cell(row.get(column)) for column in columns)} |")
    count = Counter(row["score"] for row in rows)
    print(f"\n{len(rows)} sets: " + ", ".join(f"{count[score]} {score}" for score in ("right", "wrong", "undecided")))
    still_tell = [row for row in rows if row["truth"] != "motion needed"]
    print(f"*motion needed* where motion carries nothing: "
          f"{sum(row['answer'] == 'motion needed' for row in still_tell)} of {len(still_tell)}")  # fmt: skip
    chance = [row for row in rows if row["tells"] in (*MOVING, "nothing") and not row["leak"]]
    print(f"*stills suffice* where stills are at chance: "
          f"{sum(row['answer'] == 'stills suffice' for row in chance)} of {len(chance)}")  # fmt: skip
    late = [row for row in rows if row["score"] == "undecided" and row["power"] >= LIKELY]
    print(f"undecided although ideal models would be decided on in 80 % of tests: {len(late)}; "
          f"although these models would be: {sum(row['as trained'] >= LIKELY for row in late)}")  # fmt: skip
    leaking = [row for row in rows if row["leak"]]
    print(f"leaks that were warned of: {sum(row['leak said'] for row in leaking)} of {len(leaking)}")
    blind = [row for row in rows if not row["leak"] and row["tells"] in (*MOVING, "nothing")]
    print(f"warnings where no frame tells anything: {sum(row['leak said'] for row in blind)} of {len(blind)}")
    seen = [row for row in rows if not row["leak"] and row not in blind]
    print(f"where the look is the label, as warnings allow for: {sum(row['leak said'] for row in seen)} of {len(seen)}")


def cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("battery"), help="where results are kept")
    parser.add_argument("--only", default="", help="sets whose name holds this")
    parser.add_argument("--first", type=int, default=None, help="so many sets")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--render-only", action="store_true", help="only render the data sets")
    options = parser.parse_args()
    rows = []
    for one in [one for one in battery() if options.only in one.name][: options.first]:
        if options.render_only:
            print(film(one, options.out / one.name))
            continue
        result = options.out / f"{one.name}.json"
        if not result.exists():
            found = judge(one, options.out / one.name, options.epochs)
            result.write_text(json.dumps(found, indent=1))
        rows.append(json.loads(result.read_text()))
        print(f"{one.name}: {rows[-1]['answer']}, {rows[-1]['score']}", flush=True)
    if rows:
        print()
        print_table(rows)


if __name__ == "__main__":
    main()
