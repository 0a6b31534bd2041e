"""Is it worth asking this source just now? After repeated failure it is left alone for a while, then one asks for all."""

from collections.abc import Callable
from dataclasses import dataclass, field

AFTER = 5  # failures in a row
REST_S, LONGEST_REST_S = 10.0, 120.0


@dataclass
class Breaker:
    """The memory of one source in this process: no person, no content, only how it has answered lately."""

    clock: Callable[[], float]  # seconds, monotonic
    failures: int = 0
    last_answer: str = ""  # when it last gave a whole answer
    _closed_until: float = field(default=0.0)
    _rests: int = field(default=0)
    _probing: bool = field(default=False)

    def may_ask(self) -> bool:
        """Whether to ask. While it rests nobody does; then the first who comes tries it for all."""
        if self.failures < AFTER:
            return True
        if self._probing or self.clock() < self._closed_until:
            return False
        self._probing = True
        return True

    def answered(self, at: str) -> None:
        self.failures, self._rests, self._probing, self.last_answer = 0, 0, False, at

    def failed(self) -> None:
        self.failures += 1
        self._probing = False
        if self.failures >= AFTER:
            self._closed_until = self.clock() + min(LONGEST_REST_S, REST_S * 2**self._rests)
            self._rests += 1

    def let_go(self) -> None:
        """The asking was broken off by us: it says nothing of the source."""
        self._probing = False

    def resting_s(self) -> float:
        return max(0.0, self._closed_until - self.clock()) if self.failures >= AFTER else 0.0
