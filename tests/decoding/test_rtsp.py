"""A real RTSP server that disappears and comes back."""

from __future__ import annotations

import threading

import pytest

from helpers import rtsp
from stillmotion.decoding import live
from stillmotion.decoding.live import SourceStats, find_source, read_source


@pytest.mark.skipif(not rtsp.installed(), reason=f"needs {rtsp.PACKAGES}")
def test_an_rtsp_server_that_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes back with another resolution, then is silent for a while. Times continue by the clock."""
    monkeypatch.setattr(live, "STALL_SECONDS", 2.0)
    server, stats, frames = rtsp.Server(), SourceStats(), []
    server.start(64)
    try:
        for frame in read_source(find_source(server.url), stats=stats):
            frames.append(frame)
            if len(frames) == 5:
                server.kill()
                server.start(96)
            begun = sum(frame.starts_recording for frame in frames)
            if frame.starts_recording and begun == 2:
                server.stall()
                threading.Timer(4.0, server.resume).start()
            if begun == 3:
                break
    finally:
        server.kill()
    assert stats.reconnects >= 2
    assert stats.sizes == [(64, 48), (96, 48)]
    assert [frames[0].starts_recording, frames[1].starts_recording, frames[-1].starts_recording] == [True, False, True]
    seconds = [frame.seconds for frame in frames]
    assert seconds == sorted(seconds)
