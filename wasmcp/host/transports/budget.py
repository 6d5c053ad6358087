"""Budgets: how much of something may be held at a time, by one owner and by all."""

from __future__ import annotations

import threading


class Budget:
    """Amount that may be held at a time, of bytes or of things. Its methods may be called from any thread.

    A limit on each item alone does not bound their sum: what many clients hold is taken from one budget, and what one
    of them holds from a budget of its own within it.

    Attributes:
        most: How much may be held.
        used: How much is held.
    """

    __slots__ = ("_lock", "_of", "most", "used")

    def __init__(self, most: int, of: Budget | None = None) -> None:
        """Begin with nothing held.

        Args:
            most: How much may be held.
            of: The budget that this one is a part of: what is taken here is taken there too.
        """
        self.most = most
        self.used = 0
        self._of = of
        self._lock: threading.Lock = threading.Lock() if of is None else of._lock  # noqa: SLF001 - one for all parts

    def take(self, amount: int) -> bool:
        """Hold more. False: there is no room for it, here or in a budget that this one is a part of."""
        with self._lock:
            one: Budget | None = self
            while one is not None:
                if one.used + amount > one.most:
                    return False
                one = one._of  # noqa: SLF001 - of the same class
            self._add(amount)
            return True

    def exceed(self, amount: int) -> bool:
        """Hold more in any case, and return whether it is more than may be held: the caller has to make room."""
        with self._lock:
            self._add(amount)
            return self.used > self.most

    def give(self, amount: int) -> None:
        """Hold less, by what was taken before."""
        with self._lock:
            self._add(-amount)

    def give_all(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            self._add(-self.used)

    def _add(self, amount: int) -> None:
        one: Budget | None = self
        while one is not None:
            one.used += amount
            one = one._of  # noqa: SLF001
