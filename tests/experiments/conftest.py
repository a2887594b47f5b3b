"""Fabricated data sets have no files, so there is nothing to look for shortcuts in."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillmotion.experiments.comparing.find_shortcuts", lambda videos, **settings: [])
