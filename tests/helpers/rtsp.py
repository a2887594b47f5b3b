"""A real RTSP server, GStreamer's from Debian's packages, that can be killed, stopped and started again."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from functools import cache
from pathlib import Path

PACKAGES = "Debian's gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-base and -good"
_PYTHON = Path("/usr/bin/python3")  # Debian's, which has Debian's bindings
_SERVER = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
assert Gst.ElementFactory.find("rtpjpegpay") and Gst.ElementFactory.find("videotestsrc")
if len(sys.argv) > 1:
    server = GstRtspServer.RTSPServer(service=sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    form = f"video/x-raw,format=I420,width={sys.argv[2]},height=48,framerate=20/1"
    factory.set_launch(f"( videotestsrc is-live=true pattern={sys.argv[3]} ! {form} ! jpegenc ! rtpjpegpay name=pay0 )")
    server.get_mount_points().add_factory("/line", factory)
    server.attach(None)
    GLib.MainLoop().run()
"""


@cache
def installed() -> bool:
    """Whether such a server can run on this machine."""
    if not _PYTHON.exists():
        return False
    return subprocess.run([_PYTHON, "-c", _SERVER], capture_output=True, check=False).returncode == 0


class Server:
    """Serves frames of 48 lines, all black or all white, at `url`."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/line"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, width: int, pattern: str = "black") -> None:
        words = [str(self.port), str(width), pattern]
        self.process = subprocess.Popen([_PYTHON, "-c", _SERVER, *words], stderr=subprocess.DEVNULL)
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the server does not start")

    def stall(self) -> None:
        """Stop answering, without hanging up."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
