"""What makes training steps on CPUs with TensorFlow faster, each taken away in turn; prints a Markdown table.

    python benchmarks/training.py [--rounds 3] [--steps 20] [--write benchmarks/results/training.md]

A step is one batch of 16 clips of 16 frames of 64 x 64 pixels. Each figure comes from a process of its own, and the
rounds take turns, since other work on a machine changes its speed from minute to minute. The ratio compares each
process with the one beside it that uses everything.

    oneDNN        off by default on processors with AVX2 alone; stillmotion turns it on
    bfloat16      products in bfloat16, where the processor has instructions for them
    normalization batch normalization as one operation
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

import stillmotion as sm
from stillmotion.execution.worker_processes import BACKEND_VARIABLES
from stillmotion.formatting import count

FRAMES, SIDE, BATCH, CLASSES = 16, 64, 16, 10
MODELS: dict[str, dict[str, Any]] = {
    "single_frame": {},
    "frame_pool": {},
    "cnn_rnn": {},
    "conv3d": {"input": "difference"},
}
EVERYTHING = "everything"
WITHOUT = ("oneDNN", "bfloat16", "normalization")


def measure(family: str, without: str, steps: int) -> dict[str, float]:
    """Seconds of the first step, which TensorFlow traces, and of each step after it."""
    import keras

    from stillmotion.training.bfloat16_products import bfloat16_products
    from stillmotion.training.fused_normalization import fused_normalization
    from stillmotion.training.optimizer import learning_rate_once, make_optimizer

    options = MODELS[family]
    recipe = sm.make_recipe(family, spec=sm.ClipSpec(FRAMES, size=SIDE), **options)
    frames = recipe.spec.frames
    model = sm.build_model(family, frames=frames, height=SIDE, width=SIDE, classes=CLASSES, options=options)
    model.compile(optimizer=make_optimizer(recipe, 420), loss="categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (BATCH, frames, SIDE, SIDE, 3), dtype=np.uint8)
    labels = keras.utils.to_categorical(rng.integers(CLASSES, size=BATCH), CLASSES)
    with (
        nullcontext() if without == "normalization" else fused_normalization(model),
        nullcontext() if without == "bfloat16" else bfloat16_products(),
        learning_rate_once(model.optimizer),
    ):
        times = [time.perf_counter()]
        for _ in range(1 + steps):
            model.train_on_batch(clips, labels)
            times.append(time.perf_counter())
    first, *others = np.diff(times)
    return {"first": float(first), "step": statistics.median(others)}


def measure_apart(family: str, without: str, steps: int) -> dict[str, float]:
    """The same in a process of its own."""
    variables = {**BACKEND_VARIABLES, "TF_ENABLE_ONEDNN_OPTS": "0" if without == "oneDNN" else "1"}
    command = [sys.executable, __file__, "--one", f"{family},{without}", "--steps", str(steps)]
    env = {**os.environ, **variables, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    result: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return result


def table(rounds: int, steps: int) -> str:
    """Markdown: one row per family."""
    from stillmotion.training.bfloat16_products import cpu_multiplies_bfloat16

    ways = [way for way in WITHOUT if way != "bfloat16" or cpu_multiplies_bfloat16()]
    heads = ["first step", "step", *(f"step without {way}" for way in ways)]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for family in MODELS:
        rows = [{way: measure_apart(family, way, steps) for way in (EVERYTHING, *ways)} for _ in range(rounds)]
        first, step = (statistics.median(row[EVERYTHING][part] for row in rows) for part in ("first", "step"))
        cells = [f"{first:.1f} s", f"{1000 * step:.0f} ms"]
        for way in ways:
            ratios = [row[way]["step"] / row[EVERYTHING]["step"] for row in rows]
            cells.append(f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})")
        lines.append(f"| `{family}` | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="processes for each figure")
    parser.add_argument("--steps", type=int, default=20, help="steps in each, after the first")
    parser.add_argument("--write", type=Path, default=None, help="also write the table into this file")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        family, without = options.one.split(",")
        print(json.dumps(measure(family, without, options.steps)))
        return
    text = table(options.rounds, options.steps)
    print(text)
    if options.write:
        import keras

        from stillmotion.execution.machine import cores

        made = f"Keras {keras.__version__} on TensorFlow, {count(cores(), 'core')}, {processor()}"
        command = f"python benchmarks/training.py --rounds {options.rounds} --steps {options.steps}"
        options.write.write_text(
            f"# Speed of training\n\n{made}; made by `{command}`.\nA step is one batch of {BATCH} clips of {FRAMES} "
            f"frames of {SIDE} x {SIDE} pixels; of `single_frame`, of one frame. Ratios above\n1: slower without it."
            f"\n\n{text}\n"
        )


def processor() -> str:
    """The instructions of the processor that matter here."""
    flags = Path("/proc/cpuinfo").read_text().split()
    return "with " + ", ".join(name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags)


if __name__ == "__main__":
    main()
