"""No notice is lost and none doubled, whatever happens to the broker; and no password is shown."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from helpers import mosquitto
from helpers.mosquitto import Mosquitto, Subscriber, wait_for
from stillmotion.delivery import mqtt
from stillmotion.delivery.couriers import Notifier
from stillmotion.delivery.mqtt import Broker, BrokerTopic, read_broker
from stillmotion.delivery.outbox import Outbox
from stillmotion.errors import StillmotionError, UsageError

needs_mosquitto = pytest.mark.skipif(not mosquitto.installed(), reason=f"needs {mosquitto.PACKAGES}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path)
    yield server
    server.kill()


def notifier(port: int, path: Path | None = None, credentials: str = "") -> Notifier:
    return Notifier([Broker(read_broker(f"mqtt://{credentials}127.0.0.1:{port}/line/alarms"))], Outbox(path))


@needs_mosquitto
def test_notices_arrive_in_order_and_the_broker_knows_whether_the_stream_runs(server: Mosquitto) -> None:
    server.start()
    with closing(Subscriber(server.port, "line/alarms")) as subscriber:
        with closing(notifier(server.port)) as sender:
            for number in range(20):
                sender.write({"number": number, "text": "é"})
            wait_for(lambda: not sender.waiting)
            assert sender.errors == {}
            wait_for(lambda: subscriber.statuses == ["online"])
        wait_for(lambda: subscriber.statuses == ["online", "offline"])
        assert subscriber.notices == [{"number": number, "text": "é"} for number in range(20)]
        assert sender.undelivered == {}


@needs_mosquitto
def test_a_broker_that_comes_later_and_is_killed_gets_everything_once(server: Mosquitto, tmp_path: Path) -> None:
    with closing(notifier(server.port, tmp_path / "outbox.sqlite")) as sender:
        for number in range(3):
            sender.write({"number": number})
        wait_for(lambda: "cannot be reached" in str(sender.errors))
        assert sender.waiting == {sender.couriers[0].receiver.name: 3}
        server.start()
        with closing(Subscriber(server.port, "line/alarms")) as subscriber:
            wait_for(lambda: len(subscriber.notices) == 3 and not sender.waiting)
            server.kill()
            wait_for(lambda: not subscriber.ready.is_set())
            for number in range(3, 6):
                sender.write({"number": number})
            # The subscriber must be there first: a broker without a memory keeps nothing for it.
            sender.couriers[0].receiver.close()
            server.start()
            assert subscriber.ready.wait(30)
            sender.couriers[0].receiver.open()
            wait_for(lambda: not sender.waiting)
            wait_for(lambda: len(subscriber.notices) >= 6)
            assert [notice["number"] for notice in subscriber.notices] == list(range(6))


@needs_mosquitto
def test_the_client_connects_again_by_itself(server: Mosquitto) -> None:
    server.start()
    with closing(notifier(server.port)) as sender:
        wait_for(lambda: not sender.errors)
        server.kill()
        wait_for(lambda: sender.errors)
        sender.write({"number": 0})
        server.start()
        wait_for(lambda: not sender.waiting and not sender.errors)


@needs_mosquitto
def test_what_is_not_received_waits_for_the_next_stream(server: Mosquitto, tmp_path: Path) -> None:
    with closing(notifier(server.port, tmp_path / "outbox.sqlite")) as sender:
        sender.couriers[0].receiver.timeout_seconds = 0.1
        sender.write({"number": 0}, key="a")
    assert list(sender.undelivered.values()) == [1]
    server.start()
    with (
        closing(Subscriber(server.port, "line/alarms")) as subscriber,
        closing(notifier(server.port, tmp_path / "outbox.sqlite")) as sender,
    ):
        sender.write({"number": 0}, key="a")  # found again, in the same file
        sender.write({"number": 1}, key="b")
        wait_for(lambda: not sender.waiting)
        sender.write({"number": 0}, key="a")  # and again, after it was received
        assert not sender.waiting
        wait_for(lambda: len(subscriber.notices) == 2)
        assert [notice["number"] for notice in subscriber.notices] == [0, 1]


@needs_mosquitto
def test_a_frozen_broker_is_waited_for(server: Mosquitto) -> None:
    server.start()
    with closing(Subscriber(server.port, "line/alarms")) as subscriber, closing(notifier(server.port)) as sender:
        wait_for(lambda: not sender.errors)
        assert server.process
        server.process.send_signal(signal.SIGSTOP)
        sender.write({"number": 0})
        sender.write({"number": 1})
        assert sum(sender.waiting.values()) == 2
        server.process.send_signal(signal.SIGCONT)
        wait_for(lambda: not sender.waiting)
        wait_for(lambda: len(subscriber.notices) == 2)
        assert [notice["number"] for notice in subscriber.notices] == [0, 1]


@needs_mosquitto
def test_a_broker_that_refuses_keeps_notices_waiting_and_shows_no_password(tmp_path: Path) -> None:
    passwords, rights = tmp_path / "passwords", tmp_path / "rights"
    passwords.write_text("")
    rights.write_text("topic read #\n")
    server = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    server.start()
    try:
        with closing(notifier(server.port, credentials="me:secret@")) as sender:
            wait_for(lambda: "refuses the connection" in str(sender.errors))
            sender.couriers[0].receiver.timeout_seconds = 0.1
            sender.write({"number": 0})
        assert list(sender.undelivered.values()) == [1]
        assert "secret" not in f"{sender.errors} {sender.undelivered} {sender.couriers[0].receiver!r}"
    finally:
        server.kill()
    closed = Mosquitto(tmp_path, f"acl_file {rights}")
    closed.start()
    try:
        with closing(notifier(closed.port)) as sender:
            sender.couriers[0].receiver.timeout_seconds = 0.1
            sender.write({"number": 0})
            wait_for(lambda: "refused it: Not authorized" in str(sender.errors))
        assert list(sender.undelivered.values()) == [1]
    finally:
        closed.kill()


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("broker/line/alarms", BrokerTopic("broker", 1883, "line/alarms")),
        ("10.0.0.7:1884/line", BrokerTopic("10.0.0.7", 1884, "line")),
        ("mqtt://broker/a%20b", BrokerTopic("broker", 1883, "a b")),
        ("mqtts://me:se%40cret@broker/a", BrokerTopic("broker", 8883, "a", True, "me", "se@cret")),
        ("mqtts://[::1]:99/a", BrokerTopic("::1", 99, "a", True)),
    ],
)
def test_addresses_are_read(text: str, topic: BrokerTopic) -> None:
    assert read_broker(text) == topic
    assert "se@cret" not in f"{topic} {topic!r}"


@pytest.mark.parametrize(
    "text",
    ["", "secret", "broker", "broker/", "broker:x/secret", "broker:0/secret", "http://broker/secret", "/secret",
     "me:se/cret@broker/a", "broker/secret#", "broker/secret/+/b", "broker/secret?x", "broker/a secret", "mqtt://[secret/a",
     "broker/secret%23", "broker/é-secret", "broker:99999/secret"],
)  # fmt: skip
def test_other_addresses_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError, match=r"^mqtt: ") as refused:
        read_broker(text)
    assert "secret" not in str(refused.value) and "cret" not in str(refused.value)


@pytest.mark.parametrize("missing", ["paho", "paho.mqtt"])
def test_a_missing_package_is_one_line(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("paho"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(StillmotionError, match=r'pip install "stillmotion\[mqtt\]"'):
        mqtt.import_paho()
