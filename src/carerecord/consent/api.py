"""The door of consent."""

from carerecord.consent.service import Listener
from carerecord.contracts.consent import OBJECT, OBJECTIONS, SAID, WITHDRAW
from carerecord.kit.part import Part, Supplies, answer


def build(supplies: Supplies) -> Part:
    listener = Listener(supplies.db, supplies.outbox, supplies.clock)
    return Part(
        "consent",
        answers=(
            answer(OBJECTIONS, listener.objections),
            answer(SAID, listener.said),
            answer(OBJECT, listener.object),
            answer(WITHDRAW, listener.withdraw),
        ),
    )
