"""The example that lies beside an export: Python that runs it without stillmotion."""

from __future__ import annotations

_WHOLE = '''"""{title}

    pip install numpy {needs}
    python use_it.py [clip.npy]      uint8 {shape}, RGB; without it, noise
"""

import json
import sys
from pathlib import Path

import numpy as np
{opening}
about = json.loads((HERE / "export.json").read_text(encoding="utf-8"))
shape = about["inputs"][0]["shape"][1:]
clip = np.load(sys.argv[1]) if len(sys.argv) > 1 else np.random.default_rng(0).integers(0, 256, shape)
(answer,) = run(clip=clip[None].astype(about["inputs"][0]["dtype"]))["probabilities"]
for label, probability in zip(about["labels"], answer):
    print(f"{{probability:.6f}}  {{label}}")
'''

_STEP = '''"""{title}

    pip install numpy {needs}
    python use_it.py [film.npy]      uint8 (any number, {rest}), RGB; without it, noise
"""

import json
import sys
from pathlib import Path

import numpy as np
{opening}
about = json.loads((HERE / "export.json").read_text(encoding="utf-8"))
frames, *states = about["inputs"]
hop, window = about["hop"], about["frames"]
shape = (window + 2 * hop, *frames["shape"][2:])
film = np.load(sys.argv[1]) if len(sys.argv) > 1 else np.random.default_rng(0).integers(0, 256, shape)

state = {{one["name"]: np.zeros(one["shape"], one["dtype"]) for one in states}}
for end in range(hop, len(film) + 1, hop):
    found = run(frames=film[None, end - hop : end].astype(frames["dtype"]), **state)
    state = {{name: found["next_" + name] for name in state}}
    if end >= window:  # before, the window is not full
        answer = found["answers"][0, 0]
        told = ", ".join(f"{{label}} {{probability:.6f}}" for label, probability in zip(about["labels"], answer))
        print(f"frames {{end - window}} to {{end - 1}}: {{told}}")
'''


def write_example(title: str, needs: str, opening: str, shape: tuple[int, ...], stream: bool) -> str:
    """Its text. `shape` is that of a clip, or of the frames of a step."""
    text = _STEP if stream else _WHOLE
    rest = ", ".join(map(str, shape[-3:]))
    return text.format(title=title, needs=needs, opening=opening, shape=shape, rest=rest)
