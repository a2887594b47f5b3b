"""Take the place of functions and keep what they were called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Spy:
    """Calls a function and keeps the arguments.

    Attributes:
        function: what is called.
        calls: positional and keyword arguments of each call so far.
    """

    function: Callable[..., object]
    calls: list[tuple[tuple[object, ...], dict[str, object]]] = field(default_factory=list)

    def __call__(self, *arguments: object, **settings: object) -> object:
        """Call the function."""
        self.calls.append((arguments, settings))
        return self.function(*arguments, **settings)


@dataclass
class ProgressSpy:
    """A progress callback.

    Attributes:
        stages: the stage of each report so far.
        counts: done and total of each report so far.
    """

    stages: list[str] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        """Keep a report."""
        self.stages.append(stage)
        self.counts.append((done, total))
