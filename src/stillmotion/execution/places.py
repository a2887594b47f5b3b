"""The places at which work can run side by side, as a user names them."""

from __future__ import annotations

import re

from stillmotion.errors import UsageError

LOCAL = "local"


def check_place(on: str) -> None:
    """Check that a place has one of the known forms.

    Args:
        on: "local", for as many processes as the cores and the free memory allow; "processes:N"; "ray", for the Ray
            cluster of this machine, which is started if none runs; "ray://HOST:PORT".

    Raises:
        UsageError: it has none of them.
    """
    if not re.fullmatch(r"local|processes:[1-9]\d*|ray|ray://\S+:\d+", on):
        raise UsageError(f"on is {on!r}; expected local, processes:N, ray or ray://HOST:PORT")


def ray_address(on: str) -> str | None:
    """The address of a place on Ray; None for the cluster of this machine."""
    return on if "://" in on else None
