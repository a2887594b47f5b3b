"""What test_devices.py runs in processes of its own, since JAX counts its devices when it starts.

python train_on_devices.py VIDEOS OUT single|several
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import keras

import stillmotion as sm
from stillmotion.models import conv3d


class _Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        if epoch == 2:
            raise KeyboardInterrupt


def main(videos: str, out: Path, how: str) -> None:
    """Train the same recipe on different devices."""
    vars(conv3d)["WIDTHS"] = (8,)  # JAX takes long to compile deeper networks
    train, validation, _ = sm.split(sm.read_videos(videos), (0.6, 0.2, 0.2))
    recipe = sm.make_recipe("conv3d", spec=sm.ClipSpec(frames=4, size=16), epochs=4, batch_size=4, learning_rate=0.01)
    if how == "several":
        sm.train(recipe, train, validation, out=out / "processes", devices="all")
        number = os.environ["KERAS_DISTRIBUTION_PROCESS_ID"]
        others = {
            "folder": dataclasses.replace(recipe, seed=1),
            "settings": dataclasses.replace(recipe, seed=int(number)),
        }
        for name, other in others.items():
            folder = out / ("processes" if name == "folder" else "new")
            try:
                sm.train(other, train, validation, out=folder, devices="all")
            except sm.StillmotionError as error:
                (out / f"{name}{number}.txt").write_text(str(error))
        return
    for count in (1, 4):
        sm.train(recipe, train, validation, out=out / str(count), devices=count)
    try:
        sm.train(recipe, train, validation, out=out / "resumed", devices=2, callbacks=[_Interrupt()])
    except KeyboardInterrupt:
        sm.train(recipe, train, validation, out=out / "resumed", devices=4)
    try:
        sm.train(recipe, train, validation, out=out / "odd", devices=3)
    except sm.StillmotionError as error:
        (out / "odd.txt").write_text(str(error))
    try:
        sm.train(recipe, train, validation, out=out / "many", devices=8)
    except sm.UsageError as error:
        (out / "many.txt").write_text(str(error))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
