"""Further tries of a request, where another try can help: with growing pauses, or the one that the server asks for."""

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
"""The longest pause, in seconds, that a server may ask for; one that asks for a longer one is not asked again."""

PAUSES_LIMIT = 150.0
"""The most seconds that all pauses of one request take together."""

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Retry:
    """The policy by which requests are tried again.

    Args:
        sleep: Called with the seconds of each pause.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def run(self, attempt: Callable[[], requests.Response], who: str, reference: str) -> requests.Response:
        """Return the first response that another try would not make better.

        Args:
            attempt: Sends the request.
            who: The server, for messages.
            reference: What it is about, for messages.

        Raises:
            RegistryUnreachableError: There is none.
        """
        import requests.exceptions
        import urllib3.exceptions

        waited = 0.0
        for number in range(1, TRIES + 1):
            pause = min(0.25 * 2 ** (number - 1), 8) * (1 + random.random() / 4)  # noqa: S311 - so that many do not come at once
            status: int | None = None
            try:
                response = attempt()
            except requests.exceptions.SSLError as error:
                raise RegistryUnreachableError(f"TLS failed: {cause_of(error)}", reference=reference) from error
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
                if isinstance(error, ValueError):  # an address or a field that cannot be sent
                    raise RegistryUnreachableError(str(error), reference=reference) from error
                problem = f"`{who}` does not answer: {cause_of(error)}"
            else:
                if response.status_code not in _AGAIN:
                    return response
                status = response.status_code
                problem = f"`{who}` answers {status}{detail_of(response)}"
                pause = _asked(response.headers.get("Retry-After", "")) or pause
            if pause > PAUSE_LIMIT or waited + pause > PAUSES_LIMIT:
                problem += f", and asks to wait {min(pause, 1e9):.0f} s: try again then"
                raise RegistryUnreachableError(problem, reference=reference, status=status)
            if number < TRIES:
                waited += pause
                self._sleep(pause)
        problem += f"; gave up after {TRIES} tries"
        if status == 429:
            problem += ": it limits requests; wait, or log in where it allows more to known users"
        raise RegistryUnreachableError(problem, reference=reference, status=status)


def _asked(field: str) -> float | None:
    """Return the seconds that a field `Retry-After` asks for (RFC 9110, section 10.2.3); None where it has none."""
    text = field.strip()
    if re.fullmatch(r"[0-9]{1,10}", text):
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=dt.UTC)
    return max((date - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)
