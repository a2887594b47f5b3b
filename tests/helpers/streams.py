"""Predictions, a model and live sources for tests of streams."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from helpers.media import write_video
from stillmotion.streaming import WindowPrediction

JAM_LABELS = ("calm", "jam")
LIGHT_LABELS = ("dark", "light")


def jam_predictions(jams: Sequence[float], step: float = 0.5) -> list[WindowPrediction]:
    """Predictions with these probabilities of a jam, `step` seconds apart from 0 s on."""
    return [
        WindowPrediction(np.array([1 - jam, jam], np.float32), number, step * number, JAM_LABELS[jam > 0.5])
        for number, jam in enumerate(jams)
    ]


def write_light_model(file: Path) -> Path:
    """A model that says whether four frames are light."""
    import keras
    from keras import layers

    from stillmotion.models.card_files import write_card
    from stillmotion.prediction import describe_model

    clip = keras.Input((4, 16, 16, 3), dtype="uint8")
    level = layers.GlobalAveragePooling3D()(layers.Rescaling(1 / 127.5, offset=-1)(clip))
    dense = layers.Dense(2, activation="softmax")
    model = keras.Model(clip, dense(level))
    dense.set_weights([np.array([[-2, 2]] * 3, np.float32), np.zeros(2, np.float32)])
    model.save(file)
    write_card(describe_model(file, channels="rgb"), file.with_suffix(".json"))
    return file


def write_light_video(file: Path) -> Path:
    """Dark for two seconds, light for two, dark for two, at 10 frames per second."""
    levels = np.repeat([20, 230, 20], 20).astype(np.uint8)
    return write_video(file, np.broadcast_to(levels[:, None, None, None], (60, 32, 48, 3)))


@contextmanager
def serve(*contents: bytes) -> Iterator[str]:
    """A TCP server that sends one content per connection, hangs up each time, and is gone after the last."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def respond() -> None:
            for content in contents:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(content)
            server.close()

        threading.Thread(target=respond, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def receiver(redirect: str = "") -> Iterator[tuple[int, list[tuple[Any, str | None]]]]:
    """A web server; its port, and what it receives: JSON and the authorization. It may redirect to another address."""
    received: list[tuple[Any, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((json.loads(content), self.headers.get("Authorization")))
            self.send_response(302 if redirect else 204)
            if redirect:
                self.send_header("Location", redirect)
            self.end_headers()

        def do_GET(self) -> None:
            received.append((None, self.headers.get("Authorization")))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, received
        server.shutdown()
