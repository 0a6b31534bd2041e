"""What does the audit book hold of who is who? Who looked at two people side by side, and what they found."""

from collections.abc import Iterable
from datetime import datetime

from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line
from carerecord.kit import request
from carerecord.kit.clock import stamp


def line(what: str, actor: Actor | None, patients: Iterable[str], now: datetime) -> Line:
    return Line(
        id="",
        at=stamp(now),
        what=what,
        service="patients",
        actor=actor,
        patients=tuple(dict.fromkeys(patients)),
        request=request.current(),
    )
