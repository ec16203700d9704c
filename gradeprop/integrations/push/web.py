"""HTTP sessions with deadlines, and repeated tries when a platform is busy."""

import ipaddress
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from gradeprop.core.errors import PlatformError, UnreachableError

T = TypeVar("T")
TIMEOUT_S = 60.0
_WAITS_S = (1.0, 5.0, 20.0)
"""seconds between tries"""
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Session(requests.Session):  # type: ignore[misc]
    """A session that gives up after a minute, and sends a token only where nobody listens in."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Send a request.

        Raises:
            PlatformError: the address is not encrypted.
            UnreachableError: no answer came.
        """
        require_encryption(str(url))
        try:
            return super().request(method, url, *args, **{"timeout": TIMEOUT_S} | options)
        except requests.RequestException as error:
            host = urlsplit(str(url)).netloc
            raise UnreachableError(f"{host} does not answer: {_why(error)}.") from error


def _why(error: Exception) -> str:
    """Return the innermost reason of a failed connection, in a few words."""
    while (cause := error.__cause__ or error.__context__) and isinstance(cause, Exception):
        error = cause
    return getattr(error, "strerror", None) or str(error).splitlines()[0] or type(error).__name__


def require_encryption(url: str) -> None:
    """Check that an address begins with https, or is on this machine.

    Raises:
        PlatformError: it is neither.
    """
    parts = urlsplit(url)
    try:
        is_here = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_here = False
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise PlatformError(f"{url} is not an https address; grades and tokens are sent encrypted only.")


def is_busy(status: int) -> bool:
    """Return True if a request with this status may succeed later."""
    return status in _BUSY


def retry(call: Callable[[], T]) -> T:
    """Call until the platform answers.

    Raises:
        UnreachableError: it did not, in several tries.
    """
    for wait_s in _WAITS_S:
        try:
            return call()
        except UnreachableError:
            time.sleep(wait_s)
    return call()
