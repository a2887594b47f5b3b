"""A real RTSP server, GStreamer's from Debian's packages, that goes away and comes back."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest

from stillmotion.decoding import cameras
from stillmotion.decoding.cameras import Counts, find_source, shots

PYTHON = Path("/usr/bin/python3")  # Debian's, which has Debian's bindings
SERVER = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
if len(sys.argv) > 1:
    server = GstRtspServer.RTSPServer(service=sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    form = f"video/x-raw,format=I420,width={sys.argv[2]},height=48,framerate=20/1"
    factory.set_launch(f"( videotestsrc is-live=true ! {form} ! jpegenc ! rtpjpegpay name=pay0 )")
    server.get_mount_points().add_factory("/line", factory)
    server.attach(None)
    GLib.MainLoop().run()
"""


def there() -> bool:
    if not PYTHON.exists():
        return False
    return subprocess.run([PYTHON, "-c", SERVER], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not there(), reason="needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi, and plugins-good")
def test_an_rtsp_server_that_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes back with another resolution; frames go on, by the clock."""
    monkeypatch.setattr(cameras, "STALL_SECONDS", 2.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def serve(width: int) -> subprocess.Popen[bytes]:
        server = subprocess.Popen([PYTHON, "-c", SERVER, str(port), str(width)])
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return server
            time.sleep(0.05)
        raise AssertionError("the server does not come up")

    server, counts, seen = serve(64), Counts(), []
    try:
        frames = shots(find_source(f"rtsp://127.0.0.1:{port}/line"), counts=counts)
        for shot in frames:
            seen.append(shot)
            if len(seen) == 5:
                server.kill()
                server.wait()
                server = serve(96)
            if counts.reconnects and sum(one.fresh for one in seen) == 2:
                break
    finally:
        server.kill()
        server.wait()
    assert counts.sizes == [(64, 48), (96, 48)]
    assert [seen[0].fresh, seen[1].fresh, seen[-1].fresh] == [True, False, True]
    seconds = [shot.seconds for shot in seen]
    assert seconds == sorted(seconds)
