"""A webhook may be slow, absent or protected: notices wait for it."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import closing
from http.client import InvalidURL
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.mosquitto import wait_for
from helpers.streams import receiver
from stillmotion.delivery import couriers, webhooks
from stillmotion.delivery.couriers import Notifier
from stillmotion.delivery.outbox import Outbox
from stillmotion.delivery.webhooks import Webhook
from stillmotion.errors import StillmotionError, UsageError

ROW = {"label": "jam", "start_seconds": 1.0}


def absent_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize(
    "url",
    ["ftp://me:secret@somewhere", "http://", "http://me:secret@", "http://[me:secret", "http://me:secret", "secret"],
)
def test_a_wrong_webhook_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(UsageError, match="expected an address like http") as refused:
        Webhook(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("sign", ["/", "?", "#"])
def test_a_webhook_whose_password_is_not_escaped_is_refused(sign: str) -> None:
    """It would be sent to a host with the user's name."""
    with pytest.raises(UsageError, match=r"webhook: escape /, [?] and # in the user name and password") as refused:
        Webhook(f"http://bob:se{sign}cret@host/events")
    assert "cret" not in str(refused.value) and "bob" not in str(refused.value)


@pytest.mark.parametrize("sign", [" ", "\t", "\n", "\0", "\x7f", "é"])
@pytest.mark.parametrize("url", ["http://me:se{}cret@host/events", "http://host/events?token=se{}cret"])
def test_a_webhook_with_a_character_that_http_does_not_carry_is_refused_without_being_shown(
    url: str, sign: str
) -> None:
    with pytest.raises(UsageError, match="webhook: escape spaces, control characters") as refused:
        Webhook(url.format(sign))
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("error", [InvalidURL("secret in the URL"), ValueError("secret in the URL")])
def test_an_error_that_may_hold_the_url_is_named_by_its_class(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(webhooks, "_OPENER", SimpleNamespace(open=fail))
    sender = Notifier([Webhook("http://host/events")])
    sender.write(ROW)
    sender.close()
    assert (sender.undelivered, sender.errors) == (
        {"http://host/events": 1},
        {"http://host/events": type(error).__name__},
    )


def test_a_webhook_receives_notices_in_order() -> None:
    with receiver() as (port, received):
        sender = Notifier([Webhook(f"http://127.0.0.1:{port}/events")])
        for number in range(5):
            sender.write({"number": number})
        sender.close()
    assert received == [({"number": number}, None) for number in range(5)]
    assert sender.undelivered == {}


def test_a_webhook_sends_its_user_and_password_and_does_not_show_them() -> None:
    with receiver() as (port, received):
        hook = Webhook(f"http://me:se%40cret@127.0.0.1:{port}/events")
        with closing(Notifier([hook])) as sender:
            sender.write(ROW)
    assert hook.name == f"http://127.0.0.1:{port}/events"
    assert received == [(ROW, "Basic " + base64.b64encode(b"me:se@cret").decode())]


def test_a_redirect_is_not_followed() -> None:
    """It would carry the password to another host, and no event."""
    with receiver() as (port, received), receiver(redirect=f"http://127.0.0.1:{port}/elsewhere") as (first, _):
        sender = Notifier([Webhook(f"http://me:secret@127.0.0.1:{first}/events")])
        sender.write(ROW)
        sender.close()
    assert received == []
    assert list(sender.undelivered.values()) == [1]


def test_an_absent_receiver_is_said() -> None:
    sender = Notifier([Webhook(f"http://me:secret@127.0.0.1:{absent_port()}", timeout_seconds=1)])
    sender.write(ROW)
    sender.close()
    assert list(sender.undelivered.values()) == [1]
    assert "refused" in str(sender.errors) and "secret" not in str(sender.errors)


def test_a_receiver_that_answers_nonsense_or_never_leaves_no_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"what?\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        sender = Notifier([Webhook(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_seconds=0.5)])
        for number in range(3):
            sender.write({"number": number})
        sender.close()
    assert list(sender.undelivered.values()) == [3] and sender.errors
    assert not sender.couriers[0].thread.is_alive()


def test_what_fails_is_posted_again_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "FIRST_PAUSE_SECONDS", 0.05)
    bodies: list[bytes] = []

    def flaky(request: object, **_: object) -> object:
        bodies.append(request.data)  # type: ignore[attr-defined]
        if len(bodies) in (1, 2, 4):
            raise OSError("not now")
        return closing(SimpleNamespace(close=lambda: None))

    monkeypatch.setattr(webhooks, "_OPENER", SimpleNamespace(open=flaky))
    with closing(Notifier([Webhook("http://host")])) as sender:
        sender.write({"n": 1})
        sender.write({"n": 2})
        wait_for(lambda: not sender.waiting)
    assert bodies == [b'{"n": 1}'] * 3 + [b'{"n": 2}'] * 2
    assert sender.errors == {} == sender.undelivered


def test_each_receiver_gets_everything_though_another_is_absent(tmp_path: Path) -> None:
    with receiver() as (port, received):
        hooks = [Webhook(f"http://127.0.0.1:{number}/a", timeout_seconds=0.5) for number in (port, absent_port())]
        with closing(Notifier(hooks, Outbox(tmp_path / "outbox.sqlite"))) as sender:
            sender.write(ROW)
    assert received == [(ROW, None)]
    assert list(sender.undelivered) == [hooks[1].name]


def test_in_memory_the_oldest_are_given_up_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "MAX_IN_MEMORY", 3)
    sender = Notifier([Webhook(f"http://127.0.0.1:{absent_port()}", timeout_seconds=0.5)])
    for number in range(5):
        sender.write({"number": number})
    sender.close()
    assert list(sender.undelivered.values()) == [5]


def test_a_file_that_is_no_outbox_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "outbox.sqlite").write_text("not a database, but more than a hundred bytes of text. " * 9)
    with pytest.raises(StillmotionError, match=r"outbox\.sqlite: cannot be read or written \(file is not a database\)"):
        Outbox(tmp_path / "outbox.sqlite")


def test_keys_of_delivered_notices_are_remembered_and_their_bodies_are_not(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.put(["a", "b"], b"secret of the line", key="1")
    for name in ("a", "b"):
        notice = outbox.first(name)
        assert notice is not None and notice.body == b"secret of the line"
        outbox.remove(notice)
    outbox.put(["a", "b"], b"again", key="1")
    assert [outbox.count(name) for name in ("a", "b")] == [0, 0]
    outbox.close()
    later = Outbox(tmp_path / "outbox.sqlite")
    later.put(["a"], b"again", key="1")
    assert later.first("a") is None
    later.close()
