import numpy as np
import pyarrow.parquet as pq
import pytest

import stillmotion as sm
from stillmotion.clips import frame_times
from stillmotion.prediction import PERTURBATIONS

pytestmark = pytest.mark.backend


def test_probes_leave_a_clips_length():
    rng = np.random.default_rng((0,))
    orders = {name: order(8, rng) for name, order in PERTURBATIONS.items()}
    assert all(len(order) == 8 and set(order) <= set(range(8)) for order in orders.values())
    assert sorted(orders["shuffled"]) == list(range(8))
    assert set(orders["first half only"]) == {0, 1, 2, 3}
    assert set(orders["last half only"]) == {4, 5, 6, 7}
    assert list(orders["half the rate"]) == [0, 0, 2, 2, 4, 4, 6, 6]
    assert len(set(orders["frozen"])) == 1


def test_controlled_clips():
    spec = {order: sm.ClipSpec(frames=6, size=16, order=order) for order in ("forward", "shuffled", "frozen")}
    times = {order: frame_times(one, (1.0, 4.0)) for order, one in spec.items()}
    np.testing.assert_allclose(np.sort(times["shuffled"]), times["forward"])
    assert list(times["shuffled"]) != list(times["forward"])
    np.testing.assert_array_equal(times["shuffled"], frame_times(spec["shuffled"], (1.0, 4.0)))
    assert set(times["frozen"]) == {2.5}


def test_probes_of_a_run(moving, tmp_path):
    parts = sm.split(sm.read_videos(moving), (0.6, 0.2, 0.2))
    spec = sm.ClipSpec(frames=4, size=16)
    run = sm.train("conv3d", parts[0], parts[1], spec=spec, out=tmp_path / "run", epochs=1, batch_size=8)
    run = sm.evaluate(run, parts[2])
    assert run.record.cost.multiply_adds > 1e5
    table = pq.read_table(sm.evaluate_perturbed(run, parts[2]).perturbed_file).to_pylist()
    assert len(table) == len(parts[2]) * len(PERTURBATIONS)
    tested = {row["video"]: row["prob_" + run.labels[0]] for row in pq.read_table(run.predictions_file).to_pylist()}
    whole = {row["video"]: row["prob_" + run.labels[0]] for row in table if row["perturbation"] == "as it is"}
    assert whole == pytest.approx(tested, abs=1e-5)
