"""What may the service that tells of changes be asked: set a subscription, change, end or look at it? And by those who mend?"""

from msgspec import Raw, Struct

from carerecord.kit.question import Question


class Subscriber(Struct, frozen=True):
    """The client of the FHIR API that asks, with the scopes of its token. It knows of its own subscriptions alone."""

    id: str
    organisation: str
    name: str
    scopes: tuple[str, ...] = ()


class SubscribeAsked(Struct, frozen=True):
    """A Subscription resource as it was sent. `base`: our FHIR address as the client knows it, which notices name."""

    by: Subscriber
    raw: Raw
    base: str
    request: str = ""


class AmendAsked(Struct, frozen=True):
    by: Subscriber
    id: str
    raw: Raw
    base: str
    if_match: int = 0  # 0 = not stated
    request: str = ""


class UnsubscribeAsked(Struct, frozen=True):
    by: Subscriber
    id: str
    request: str = ""
    if_match: int = 0  # 0 = not stated


class SubscribedAsked(Struct, frozen=True):
    by: Subscriber
    id: str = ""  # "" = all of its own


class Subscribed(Struct, frozen=True):
    """One subscription, as its own client is shown it: with what it is to send along, which nobody else sees."""

    id: str
    version: int
    at: str
    status: str  # requested | active | error | off
    error: str
    numbered: int  # notices that were given a number so far
    raw: Raw


class Unsubscribed(Struct, frozen=True):
    pass


class StandingAsked(Struct, frozen=True):
    """Asked by operators: how is it with the subscriptions? Of what they say only the type and the host of the endpoint."""

    id: str = ""


class Standing(Struct, frozen=True):
    id: str
    client: str
    organisation: str
    type: str  # of the resources that are waited for
    host: str  # of the endpoint; its path may be a secret
    status: str
    error: str
    made_at: str
    waiting: int
    oldest_at: str
    numbered: int
    tries: int  # since an answer that was good
    try_at: str
    kept_back: int  # notices that were not sent, for they may not be told
    headers: tuple[str, ...] = ()  # names alone


class ResumeAsked(Struct, frozen=True):
    id: str


SUBSCRIBE = Question("subscriptions", "subscribe", SubscribeAsked, Subscribed)
AMEND = Question("subscriptions", "amend", AmendAsked, Subscribed)
UNSUBSCRIBE = Question("subscriptions", "unsubscribe", UnsubscribeAsked, Unsubscribed)
SUBSCRIBED = Question("subscriptions", "subscribed", SubscribedAsked, tuple[Subscribed, ...])
STANDING = Question("subscriptions", "standing", StandingAsked, tuple[Standing, ...])
RESUME = Question("subscriptions", "resume", ResumeAsked, Standing)
