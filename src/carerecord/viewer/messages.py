"""Which messages could not be filed, why, and who is silent? For those who mend it; what one says only with a reason."""

from starlette.responses import Response

from carerecord.contracts.ingest import (
    DISCARD,
    LEAVE_PERSON,
    MESSAGE,
    MESSAGES,
    PEOPLE_AGAIN,
    PEOPLE_WAITING,
    REPLAY,
    SEEN_BY,
    WITHDRAWN,
    DiscardAsked,
    LeavePersonAsked,
    MessageAsked,
    MessagesAsked,
    PeopleAgainAsked,
    PeopleWaitingAsked,
    ReplayAsked,
    SeenByAsked,
    WithdrawnAsked,
)
from carerecord.kit.errors import NotUnderstood
from carerecord.viewer.audit_page import WORDS
from carerecord.viewer.registry import source_names
from carerecord.viewer.visit import Visit, counted

SHOWN = 50

# What has just been done, for whoever did it; filing itself takes a moment more.
DONE = {
    "again": "Set to be tried again. What still stands below is not filed yet, and says why.",
    "discarded": "Taken out of the queue. It stays in the journal as it came.",
    "asked": "The index is asked again. Who still stands below is not taken over yet, and why is said.",
    "left": "The index stays as it is, and nobody waits for it any more.",
}  # fmt: skip


async def messages(visit: Visit) -> Response:
    await visit.must("messages-see")
    sender = visit.request.query_params.get("sender", "")
    after = visit.request.query_params.get("after", "0")
    found = await visit.face.calls.ask(MESSAGES, MessagesAsked(sender, counted(after, "This link is not one of ours."), SHOWN))
    reads, mends = [await visit.may(each) for each in ("message-read", "messages-mend")]
    names = {each.id: each.name for each in found.senders}
    people = await visit.face.calls.ask(PEOPLE_WAITING, PeopleWaitingAsked(SHOWN))
    sources = await source_names(visit) if people.count else {}
    done = DONE.get(visit.request.query_params.get("done", ""), "")
    return visit.page(
        "messages.html", done=done, found=found, names=names, sender=sender, reads=reads, mends=mends, people=people,
        sources=sources,
    )  # fmt: skip


async def read(visit: Visit) -> Response:
    """One message as it came; why it is read is asked, and stands in the book."""
    await visit.must("message-read")
    reason = visit.sent("reason").strip()
    if not reason:
        raise NotUnderstood("Say why you read this message: it stands in the audit book.")
    shown = await visit.face.calls.ask(MESSAGE, MessageAsked(_number(visit), reason, visit.actor))
    return visit.page("message_read.html", shown=shown, mends=await visit.may("messages-mend"))


async def replay(visit: Visit) -> Response:
    """One, a sender's, or all."""
    await visit.must("messages-mend")
    what, sender = visit.sent("what"), visit.sent("sender")
    number = _number(visit) if what == "one" else 0
    if what not in ("one", "sender", "all") or (what == "sender" and not sender):
        raise NotUnderstood("Say which: one message, the messages of a sender, or all.")
    asked = ReplayAsked(number, sender if what == "sender" else "", what == "all", visit.actor)
    await visit.face.calls.ask(REPLAY, asked)
    return visit.go("/ingest?done=again")


async def discard(visit: Visit) -> Response:
    await visit.must("messages-mend")
    await visit.face.calls.ask(DISCARD, DiscardAsked(_number(visit), visit.sent("reason"), visit.actor))
    return visit.go("/ingest?done=discarded")


async def people_again(visit: Visit) -> Response:
    """One of whom clients wrote, or all that wait."""
    await visit.must("messages-mend")
    person = visit.sent("person")
    await visit.face.calls.ask(PEOPLE_AGAIN, PeopleAgainAsked(person, not person, visit.actor))
    return visit.go("/ingest?done=asked")


async def leave_person(visit: Visit) -> Response:
    await visit.must("messages-mend")
    await visit.face.calls.ask(LEAVE_PERSON, LeavePersonAsked(visit.sent("person"), visit.sent("reason"), visit.actor))
    return visit.go("/ingest?done=left")


async def withdrawn(visit: Visit) -> Response:
    """What senders took back: when it could be seen, and of whom nobody is named."""
    await visit.must("messages-see")
    sender, before = visit.request.query_params.get("sender", ""), visit.request.query_params.get("before", "0")
    asked = WithdrawnAsked(sender, counted(before, "This link is not one of ours."), SHOWN)
    found = await visit.face.calls.ask(WITHDRAWN, asked)
    names = await source_names(visit)
    return visit.page("withdrawn.html", found=found, names=names, sender=sender, reads=await visit.may("message-read"))


async def seen_by(visit: Visit) -> Response:
    """Who was shown the record while the item stood in it; why it is asked stands in the book."""
    await visit.must("message-read")
    reason = visit.sent("reason").strip()
    if not reason:
        raise NotUnderstood("Say why you ask who has seen it: it stands in the audit book.")
    told = await visit.face.calls.ask(SEEN_BY, SeenByAsked(_number(visit, "item"), reason, visit.actor))
    return visit.page("seen_by.html", told=told, names=await source_names(visit), words=WORDS)


def _number(visit: Visit, field: str = "message") -> int:
    return counted(visit.sent(field), "Say which message, by its number.")
