"""Budgets: limits of the bytes or items that are held at a time, by one owner and by all."""

from __future__ import annotations

import threading


class Budget:
    """Limit of an amount that is held at a time. The methods are thread-safe.

    A limit for each client does not limit their sum. So all clients share one budget, and each client has a part of it
    with a lower limit.

    Attributes:
        most: The maximum amount.
        used: The amount that is held.
    """

    __slots__ = ("_lock", "_of", "most", "used")

    def __init__(self, most: int, of: Budget | None = None) -> None:
        """Create a budget of which nothing is used.

        Args:
            most: The maximum amount.
            of: The budget that this one is a part of: an amount taken here is taken there, too.
        """
        self.most = most
        self.used = 0
        self._of = of
        self._lock: threading.Lock = threading.Lock() if of is None else of._lock  # noqa: SLF001 - all parts share one lock

    def take(self, amount: int) -> bool:
        """Take an amount. Return False if it exceeds this budget or one that it is a part of."""
        with self._lock:
            one: Budget | None = self
            while one is not None:
                if one.used + amount > one.most:
                    return False
                one = one._of  # noqa: SLF001 - of the same class
            self._add(amount)
            return True

    def exceed(self, amount: int) -> bool:
        """Take an amount in any case. Return True if the budget is exceeded: the caller has to make room."""
        with self._lock:
            self._add(amount)
            return self.used > self.most

    def give(self, amount: int) -> None:
        """Return an amount that was taken."""
        with self._lock:
            self._add(-amount)

    def give_all(self) -> None:
        """Return everything that was taken."""
        with self._lock:
            self._add(-self.used)

    def _add(self, amount: int) -> None:
        one: Budget | None = self
        while one is not None:
            one.used += amount
            one = one._of  # noqa: SLF001
