"""The learning rate's course, and the weights' moving average."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import stillmotion as sm
from stillmotion.training.optimizer import (
    ema_momentum,
    learning_rate_once,
    learning_rate_schedule,
    make_optimizer,
)

pytestmark = pytest.mark.backend
PEAK = 0.02
RECIPE = sm.make_recipe("frame_pool", learning_rate=PEAK, weight_decay=0.3)


def rates(steps: int) -> list[float]:
    schedule = learning_rate_schedule(RECIPE.learning_rate, steps)
    return [float(schedule(step)) for step in range(steps + 1)]


def test_the_learning_rate_rises_to_its_peak_over_the_first_tenth_in_a_line() -> None:
    warm_up = rates(200)[:21]
    np.testing.assert_allclose(warm_up, np.linspace(PEAK / 100, PEAK, 21), rtol=1e-4)


def test_the_learning_rate_then_falls_to_zero_along_a_cosine() -> None:
    decay = rates(200)[20:]
    np.testing.assert_allclose(decay, PEAK * (1 + np.cos(np.linspace(0, np.pi, 181))) / 2, atol=1e-6)
    assert max(rates(200)) == pytest.approx(PEAK)
    assert rates(200)[-1] == pytest.approx(0, abs=1e-8)


def test_a_training_of_few_steps_has_a_schedule_as_well() -> None:
    assert rates(1)[0] == pytest.approx(PEAK / 100)
    assert max(rates(5)) == pytest.approx(PEAK)


def test_weights_are_averaged_over_an_eighth_of_the_training() -> None:
    assert ema_momentum(8000) == pytest.approx(1 - 1 / 1000)
    assert [ema_momentum(steps) for steps in (0, 1, 16)] == [0.5] * 3
    optimizer = make_optimizer(RECIPE, 8000)
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, pytest.approx(0.999))
    assert optimizer.weight_decay == pytest.approx(0.3)


def test_the_learning_rate_is_computed_once_per_step_and_the_steps_are_those_of_keras(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule, calls, values = keras.optimizers.schedules.CosineDecay, 0, []
    compute = schedule.__call__

    def counted(self: keras.optimizers.schedules.CosineDecay, step: object) -> object:
        nonlocal calls
        calls += 1
        return compute(self, step)

    monkeypatch.setattr(schedule, "__call__", counted)

    def train(optimizer: keras.optimizers.Optimizer) -> None:
        weights = [keras.Variable(np.full((2, 2), 0.5, np.float32)) for _ in range(3)]
        optimizer.build(weights)
        for step in range(3):
            optimizer.apply([keras.ops.convert_to_tensor(np.full((2, 2), 0.1 * step - 0.1, np.float32))] * 3)
        values.append([keras.ops.convert_to_numpy(variable) for variable in (*weights, *optimizer.variables)])

    ours = make_optimizer(RECIPE, 20)
    with learning_rate_once(ours):
        train(ours)
        assert calls == 3
        assert float(ours.learning_rate) == pytest.approx(rates(20)[3])
    assert not {"apply", "_get_current_learning_rate"} & vars(ours).keys()
    calls = 0
    train(make_optimizer(RECIPE, 20))
    assert calls > 3
    for mine, of_keras in zip(*values, strict=True):
        np.testing.assert_array_equal(mine, of_keras)
