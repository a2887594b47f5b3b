"""Who competes on the ladder, and under which names."""

import pytest

from stillmotion.errors import UsageError
from stillmotion.experiments.contenders import on_ladder


def names(backbones: list[str], rung: str) -> list[str]:
    return [contender.name for contender in on_ladder(backbones, {}) if contender.model == rung]


def test_each_rung_has_contenders_from_nothing_and_pretrained() -> None:
    both = ["small", "efficientnet-lite0"]
    assert names(both, "one frame") == ["small", "efficientnet-lite0 any", "efficientnet-lite0 middle"]
    pools = ("mean", "max", "attention", "set")
    assert names(both, "several frames") == ["small", *(f"efficientnet-lite0 {pool}" for pool in pools)]
    assert names(both, "changes") == ["small", "efficientnet-lite0 mean", "efficientnet-lite0 attention"]
    heads = ("gru", "convolution", "transformer")
    assert names(both, "order") == [f"efficientnet-lite0 {head}" for head in heads]
    assert names(["small"], "order") == ["small"]
    assert names(both, "dense motion") == ["cnn_rnn", "conv3d"]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_models_file_is_called_by_its_name_and_layer(suffix: str) -> None:
    contenders = on_ladder([f"/some where/parts{suffix}:relu/3"], {})
    assert {contender.name for contender in contenders if contender.model == "changes"} == {
        "parts-relu/3 mean",
        "parts-relu/3 attention",
    }
    assert {contender.slug for contender in contenders if contender.model == "changes"} == {
        "changes-parts-relu-3-mean",
        "changes-parts-relu-3-attention",
    }


def test_files_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two backbones would both be called 'one-frame-parts-top-any'; rename one"):
        on_ladder(["a/parts.keras:top", "b/parts.h5:top"], {})
