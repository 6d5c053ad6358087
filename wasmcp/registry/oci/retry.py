"""Retries of requests, with exponential backoff or the pause in `Retry-After`."""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmcp.errors import RegistryUnreachableError
from wasmcp.registry.oci.errors import detail_of
from wasmcp.registry.oci.transport import cause_of

if TYPE_CHECKING:
    import requests

TRIES = 5
PAUSE_LIMIT = 60.0
"""The longest accepted `Retry-After`, in seconds; with a longer one the request is not repeated."""

PAUSES_LIMIT = 150.0
"""Limit of the total pause of one request, in seconds."""

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Retry:
    """Retry policy.

    Args:
        sleep: Called with the seconds of each pause.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def run(self, attempt: Callable[[], requests.Response], who: str, reference: str) -> requests.Response:
        """Return the first response for which a retry would not help.

        Args:
            attempt: Sends the request.
            who: The server, for messages.
            reference: The subject of messages.

        Raises:
            RegistryUnreachableError: No attempt got a response.
        """
        import requests.exceptions
        import urllib3.exceptions

        waited = 0.0
        for number in range(1, TRIES + 1):
            pause = min(0.25 * 2 ** (number - 1), 8) * (1 + random.random() / 4)  # noqa: S311 - jitter
            status: int | None = None
            try:
                response = attempt()
            except requests.exceptions.SSLError as error:
                raise RegistryUnreachableError(f"TLS failed: {cause_of(error)}", reference=reference) from error
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
                if isinstance(error, ValueError):  # an invalid address or header field
                    raise RegistryUnreachableError(str(error), reference=reference) from error
                problem = f"`{who}` does not answer: {cause_of(error)}"
            else:
                if response.status_code not in _AGAIN:
                    return response
                status = response.status_code
                problem = f"`{who}` answers {status}{detail_of(response)}"
                pause = _asked(response.headers.get("Retry-After", "")) or pause
            if pause > PAUSE_LIMIT or waited + pause > PAUSES_LIMIT:
                problem += f", and requests a pause of {min(pause, 1e9):.0f} s: try again then"
                raise RegistryUnreachableError(problem, reference=reference, status=status)
            if number < TRIES:
                waited += pause
                self._sleep(pause)
        problem += f"; gave up after {TRIES} tries"
        if status == 429:
            problem += ": it limits requests; wait, or log in where it allows more to known users"
        raise RegistryUnreachableError(problem, reference=reference, status=status)


def _asked(field: str) -> float | None:
    """Return the seconds in a field `Retry-After` (RFC 9110, section 10.2.3), or None."""
    text = field.strip()
    if re.fullmatch(r"[0-9]{1,10}", text):
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=dt.UTC)
    return max((date - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)
