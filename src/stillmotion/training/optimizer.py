"""The optimizer: AdamW with warm-up, cosine decay and a moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from stillmotion.runs import Recipe


@contextmanager
def learning_rate_once(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Let AdamW compute the learning rate once per step, inside of this context.

    Keras computes it for each weight anew, to decay it. With a schedule, that took a third of the time in which
    TensorFlow traces a training step. The steps are the same. The optimizer is Keras's own again after the context, so
    saved models know nothing of this.

    Args:
        optimizer: what the model is trained with. One that is no AdamW stays as it is.
    """
    if type(optimizer) is not keras.optimizers.AdamW:
        yield
        return
    apply, compute, in_this_step = optimizer.apply, optimizer._get_current_learning_rate, None

    def apply_with_one_rate(grads: Any, trainable_variables: Any = None) -> None:
        nonlocal in_this_step
        in_this_step = compute()
        try:
            apply(grads, trainable_variables)
        finally:
            in_this_step = None

    optimizer.apply = apply_with_one_rate
    optimizer._get_current_learning_rate = lambda: compute() if in_this_step is None else in_this_step
    try:
        yield
    finally:
        for name in ("apply", "_get_current_learning_rate"):
            delattr(optimizer, name)


def make_optimizer(recipe: Recipe, steps: int, *, learning_rate: float | None = None) -> keras.optimizers.Optimizer:
    """Make the optimizer for one training.

    Args:
        recipe: gives the peak learning rate and the weight decay.
        steps: number of batches in all epochs together.
        learning_rate: another peak than the recipe's.

    Returns:
        AdamW that also keeps a moving average of the weights.
    """
    return keras.optimizers.AdamW(
        learning_rate_schedule(learning_rate or recipe.learning_rate, steps),
        weight_decay=recipe.weight_decay,
        use_ema=True,
        ema_momentum=ema_momentum(steps),
    )


def learning_rate_schedule(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate: up to its peak over the first tenth of the steps, then down to zero along a cosine.

    Args:
        peak: the highest learning rate.
        steps: number of batches in all epochs together.

    Returns:
        A function of the step.
    """
    warm_up = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / 100,
        decay_steps=max(1, steps - warm_up),
        warmup_target=peak,
        warmup_steps=warm_up,
    )


def ema_momentum(steps: int) -> float:
    """Decay of the moving average of the weights: over an eighth of the training (Polyak and Juditsky 1992)."""
    return max(0.5, 1 - 8 / max(steps, 1))
