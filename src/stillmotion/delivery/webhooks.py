"""A web address that gets each notice as JSON."""

from __future__ import annotations

import base64
import re
import threading
import urllib.request
from http.client import HTTPException
from urllib.parse import unquote, urlsplit

from stillmotion.decoding.live import without_credentials
from stillmotion.delivery.couriers import DeliveryError
from stillmotion.errors import UsageError


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error.

    urllib would follow it with a GET, which posts nothing, and would send the password to the other host.
    """

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_RefuseRedirects)


class Webhook:
    """Posts each notice as JSON. One that is not answered by success is posted again.

    Args:
        url: http or https. A user name and password in it are sent as basic authentication. In them "/", "?" and "#"
            are escaped; elsewhere "@" is. Spaces, control characters and all beyond ASCII are escaped too.
        timeout_seconds: how long to wait for an answer.

    Raises:
        UsageError: not such a URL. The message does not show it, because a wrong URL may hold a password anywhere.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 5.0) -> None:
        self.name = without_credentials(url)
        self._target, self._headers = _target_and_headers(url)
        self.timeout_seconds = timeout_seconds
        self.error = ""

    def open(self) -> None:
        """There is no connection to keep."""

    def send(self, body: bytes, stop: threading.Event) -> None:
        """Post a notice. Raises DeliveryError."""
        request = urllib.request.Request(self._target, body, self._headers)
        try:
            with _OPENER.open(request, timeout=self.timeout_seconds):
                pass
        except (HTTPException, ValueError) as error:
            # Their messages may show the URL, and with it a secret.
            raise DeliveryError(type(error).__name__) from None
        except OSError as error:
            raise DeliveryError(str(getattr(error, "reason", error))) from None

    def close(self) -> None:
        """There is no connection to keep."""


def _target_and_headers(url: str) -> tuple[str, dict[str, str]]:
    """The URL to post to, which urllib wants without user and password, and the headers that carry them."""
    headers = {"Content-Type": "application/json"}
    # Python's own errors about such a character show the URL.
    if re.search(r"[^!-~]", url):
        raise UsageError("webhook: escape spaces, control characters and letters beyond ASCII (a space is %20)")
    # In http://bob:se/cret@host, "bob" would be the host: the password would be sent to it as a path.
    if re.search(r"[/?#].*@", url.partition("://")[2], re.DOTALL):
        raise UsageError(
            "webhook: escape /, ? and # in the user name and password (%2F, %3F, %23), and @ elsewhere (%40)"
        )
    try:
        parts = urlsplit(url)
        # A port that is no number raises ValueError, as brackets without an end do.
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("webhook: expected an address like http://host/path or https://host/path")
    credentials, _, address = parts.netloc.rpartition("@")
    if credentials:
        headers["Authorization"] = "Basic " + base64.b64encode(unquote(credentials).encode()).decode()
    return parts._replace(netloc=address).geturl(), headers
