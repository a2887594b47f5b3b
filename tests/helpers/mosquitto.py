"""A real MQTT broker, Mosquitto from Debian's packages, that can be killed and started again; and a subscriber."""

from __future__ import annotations

import getpass
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
PACKAGES = "mosquitto, and paho-mqtt"


def installed() -> bool:
    """Whether the tests can run."""
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError:
        return False
    return PROGRAM is not None


class Mosquitto:
    """A broker at `127.0.0.1:port`, whose memory is gone when it is killed.

    Args:
        folder: for its configuration.
        settings: further lines of it.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.file = folder / f"mosquitto-{self.port}.conf"
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM
        anonymous = () if any("allow_anonymous" in line for line in self.settings) else ("allow_anonymous true",)
        user = f"user {getpass.getuser()}"  # otherwise one that may not read the test's files
        lines = (f"listener {self.port} 127.0.0.1", user, "persistence false", *anonymous, *self.settings)
        self.file.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen([PROGRAM, "-c", self.file], stderr=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class Subscriber:
    """Listens to a topic and all below it, and keeps what it hears."""

    def __init__(self, port: int, topic: str, user: str = "", password: str = "") -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.topic = topic
        self.heard: list[tuple[str, str, bool]] = []
        self.ready = threading.Event()
        self.client: Any = Client(CallbackAPIVersion.VERSION2)
        if user:
            self.client.username_pw_set(user, password)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda listener, *_: listener.subscribe(f"{topic}/#", qos=1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_disconnect = lambda *_: self.ready.clear()
        self.client.on_message = lambda _, __, message: self.heard.append(
            (message.topic, message.payload.decode(), bool(message.retain))
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(20)

    @property
    def notices(self) -> list[dict[str, Any]]:
        return [json.loads(text) for topic, text, _ in self.heard if topic == self.topic]

    @property
    def statuses(self) -> list[str]:
        return [text for topic, text, _ in self.heard if topic == f"{self.topic}/status"]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def wait_for(condition: Any, seconds: float = 60) -> None:
    """Wait until something is so; it must not take long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this takes too long"
        time.sleep(0.02)
