"""The door of subscriptions."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from carerecord.contracts.subscriptions import AMEND, RESUME, STANDING, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE
from carerecord.kit.errors import BadSetting
from carerecord.kit.part import Heard, Job, Part, Supplies, answer
from carerecord.kit.settings import read
from carerecord.subscriptions.delivering import Courier, Pace
from carerecord.subscriptions.matching import Matcher
from carerecord.subscriptions.outward import Bounds, Postman
from carerecord.subscriptions.permits import Permits
from carerecord.subscriptions.sealing import Seals
from carerecord.subscriptions.service import Desk


@dataclass(frozen=True)
class SubscriptionsSettings:
    """Read from the environment with the prefix CARERECORD_SUBSCRIPTIONS_."""

    networks: tuple[str, ...] = ()  # private networks in which endpoints may lie: 10.20.0.0/16. Never this machine or its link
    authorities: str = ""  # a file of certificate authorities, beside those of the system, that endpoints may show
    loopback: bool = False  # endpoints on this machine, by http too: for a demo alone, and the log says so at each start
    most: int = 20  # subscriptions of one client
    within_s: float = 10.0  # how long an endpoint has to answer
    first_wait_s: float = 1.0  # after a first failure; then twice as long each time
    longest_wait_s: float = 900.0  # between two tries
    most_tries: int = 20  # without an answer, then it is parked with the status error: about two hours
    handshake_tries: int = 4  # of the first word, then the status is error
    together: int = 20  # notices in one message, of those that have a payload
    most_waiting: int = 100_000  # notices that may wait for one that fails (ten times that, for others), then it is turned off

    def __post_init__(self) -> None:
        if not 0 < self.within_s <= 60:
            raise BadSetting("within_s lies above 0 and at most 60 seconds")
        if min(self.most, self.most_tries, self.handshake_tries, self.together, self.most_waiting) < 1:
            raise BadSetting("most, most_tries, handshake_tries, together and most_waiting are at least 1")
        if not 0 < self.first_wait_s <= self.longest_wait_s:
            raise BadSetting("first_wait_s lies above 0 and at most at longest_wait_s")


def _trusted(file: str) -> ssl.SSLContext:
    """Raises BadSetting: it holds no certificates, or is not there."""
    context = ssl.create_default_context()
    try:
        if file:
            context.load_verify_locations(cafile=file)
    except OSError:
        raise BadSetting("authorities: there is no such file of certificates.") from None
    return context


def build(supplies: Supplies) -> Part:
    told = read(SubscriptionsSettings, supplies.settings)
    postman = Postman(Bounds.read(told.networks, loopback=told.loopback), told.within_s, _trusted(told.authorities))
    due = asyncio.Event()
    seals = Seals(supplies.keys.own_key("subscriptions"))
    desk = Desk(supplies.db, supplies.calls, supplies.outbox, supplies.clock, seals, postman, due, told.most)
    matcher = Matcher(supplies.db, supplies.calls, desk, supplies.clock, supplies.log, told.most_waiting, due)
    pace = Pace(
        told.first_wait_s, told.longest_wait_s, told.most_tries, told.handshake_tries, told.together, told.within_s
    )  # fmt: skip
    courier = Courier(
        supplies.db, desk, Permits(supplies.calls), postman, supplies.outbox, supplies.clock, supplies.log, pace,
        supplies.metrics, due,
    )  # fmt: skip

    async def start() -> None:
        if told.loopback:
            supplies.log.warning("subscriptions.loopback", says="Notices go to this machine, unencrypted too: for a demo alone.")

    def about() -> Mapping[str, object]:
        return {"loopback": "open, for a demo alone"} if told.loopback else {}

    return Part(
        "subscriptions",
        answers=(
            answer(SUBSCRIBE, desk.subscribe),
            answer(AMEND, desk.amend),
            answer(UNSUBSCRIBE, desk.unsubscribe),
            answer(SUBSCRIBED, desk.subscribed),
            answer(STANDING, desk.standing),
            answer(RESUME, desk.resume),
        ),
        hears=(Heard("holdings", ("Kept",), matcher.hear, matcher.bell.set),),
        jobs=(
            Job("subscriptions.matching", matcher.run, alone=True), Job("subscriptions.delivering", courier.run, alone=True),
        ),
        start=start,
        stop=postman.close,
        about=about,
    )  # fmt: skip
