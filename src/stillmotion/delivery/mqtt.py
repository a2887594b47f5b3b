"""An MQTT broker that gets each notice as JSON (paho-mqtt, which is optional)."""

from __future__ import annotations

import re
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from stillmotion.delivery.couriers import DeliveryError
from stillmotion.errors import StillmotionError, UsageError

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_SECONDS = 30
# The broker must have said that it has a notice before the next one is sent: so they arrive in order.
QOS = 1
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class BrokerTopic:
    """A topic of a broker.

    Attributes:
        host: the broker.
        port: its port.
        topic: where notices are published.
        encrypted: whether the connection is.
        user: empty for none.
        password: likewise.
    """

    host: str
    port: int
    topic: str
    encrypted: bool = False
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.encrypted else 'mqtt'}://{host}:{self.port}/{self.topic}"


def read_broker(text: str) -> BrokerTopic:
    """Read the address of a topic: `host/topic`, `host:port/topic`, or with `mqtt://` or `mqtts://user:password@`.

    Args:
        text: the address. In the user name, password and topic, "/" of the first two, "@", "?", "#", spaces, control
            characters and all beyond ASCII are escaped, as in a URL.

    Returns:
        The topic.

    Raises:
        UsageError: not such an address. The message does not show it, because it may hold a password anywhere.
    """
    expected = "mqtt: expected an address like broker/topic, broker:1883/topic or mqtts://user:password@broker/topic"
    address = text if "://" in text else f"mqtt://{text}"
    if re.search(r"[^!-~]", address) or re.search(r"[/?#].*@|[?#]", address.partition("://")[2]):
        raise UsageError(
            f"{expected}; in the user name and password, / is escaped (%2F), and everywhere @, ?, #, spaces and "
            "letters beyond ASCII are (%40, %3F, %23, %20)"
        )
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise UsageError(expected) from None
    topic = unquote(parts.path[1:])
    if parts.scheme not in PORTS or not parts.hostname or not topic or port == 0:
        raise UsageError(expected)
    if re.search(r"[+#\0]", topic) or len(topic.encode()) > 60_000:
        raise UsageError("mqtt: a topic to publish to holds neither + nor #, which stand for several topics")
    return BrokerTopic(
        parts.hostname,
        port or PORTS[parts.scheme],
        topic,
        parts.scheme == "mqtts",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


class Broker:
    """Publishes notices, each once the broker has acknowledged the one before (MQTT 5, quality of service 1).

    `TOPIC/status` holds `online` while the stream runs. When the stream ends, or the broker no longer hears of it,
    that becomes `offline`. It is retained: who subscribes later gets it, too.

    The client reconnects by itself, and then sends again what was not acknowledged.

    Args:
        target: where to publish.
        timeout_seconds: how long to wait for it at the end.

    Raises:
        StillmotionError: paho-mqtt is not installed.
    """

    def __init__(self, target: BrokerTopic, *, timeout_seconds: float = 5.0) -> None:
        self._mqtt = import_paho()
        self.target, self.name, self.timeout_seconds = target, str(target), timeout_seconds
        self.error = "not connected yet"
        self._connected, self._changed = False, threading.Event()
        self._answers: dict[int, Any] = {}
        self._client: Any = None

    def open(self) -> None:
        """Begin to connect, for as long as it takes."""
        client = self._mqtt.Client(
            self._mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"stillmotion-{uuid.uuid4().hex[:12]}",
            protocol=self._mqtt.MQTTv5,
        )
        if self.target.user:
            client.username_pw_set(self.target.user, self.target.password)
        if self.target.encrypted:
            client.tls_set()
        client.will_set(self._status, "offline", qos=QOS, retain=True)
        client.reconnect_delay_set(1, 30)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail, client.on_publish = self._on_connect_fail, self._on_publish
        self._client = client
        client.connect_async(self.target.host, self.target.port, KEEPALIVE_SECONDS)
        client.loop_start()

    def send(self, body: bytes, stop: threading.Event) -> None:
        """Publish a notice, and wait until the broker has acknowledged it.

        Args:
            body: the notice.
            stop: ends the wait.

        Raises:
            DeliveryError: the broker refused it, or it was stopped.
        """
        number: int | None = None
        while not stop.is_set():
            if number is None and self._connected:
                self._answers.clear()
                number = self._client.publish(self.target.topic, body, qos=QOS).mid
            if number in self._answers:
                reason = self._answers.pop(number)
                if reason.is_failure:
                    raise DeliveryError(f"the broker refused it: {reason}")
                return
            self._changed.wait(_POLL_SECONDS)
            self._changed.clear()
        raise DeliveryError(self.error or "not acknowledged yet")

    def close(self) -> None:
        """Say that the stream has ended."""
        if self._client is None:
            return
        if self._connected:
            with suppress(RuntimeError, ValueError):  # The connection has just broken.
                self._client.publish(self._status, "offline", qos=QOS, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def _status(self) -> str:
        return f"{self.target.topic}/status"

    # What paho calls, from its own thread. No lock is taken here: it holds some of its own.

    def _on_connect(self, client: Any, data: object, flags: object, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self.error = f"the broker refuses the connection: {reason}"
            return
        client.publish(self._status, "online", qos=QOS, retain=True)
        self._connected, self.error = True, ""
        self._changed.set()

    def _on_connect_fail(self, *_: object) -> None:
        self._connected, self.error = False, "the broker cannot be reached"

    def _on_disconnect(self, client: object, data: object, flags: object, reason: Any, properties: object) -> None:
        self._connected = False
        if reason.is_failure and not self.error:
            self.error = f"the connection to the broker broke: {reason}"

    def _on_publish(self, client: object, data: object, number: int, reason: Any, properties: object) -> None:
        self._answers[number] = reason
        self._changed.set()


def import_paho() -> Any:
    """paho-mqtt's client, which is optional.

    Raises:
        StillmotionError: it is not installed, or too old.
    """
    with suppress(ImportError):
        from paho.mqtt import client

        if hasattr(client, "CallbackAPIVersion"):
            return client
    raise StillmotionError('MQTT needs paho-mqtt 2: pip install "stillmotion[mqtt]"')
