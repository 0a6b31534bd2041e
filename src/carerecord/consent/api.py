"""The door of consent."""

from carerecord.consent.service import GOOD_FOR_S, Listener
from carerecord.contracts.consent import OBJECT, OBJECTIONS, SAID, TOLD, WITHDRAW
from carerecord.kit.part import Part, Supplies, answer


def build(supplies: Supplies) -> Part:
    listener = Listener(supplies.db, supplies.outbox, supplies.clock, GOOD_FOR_S)
    return Part(
        "consent",
        answers=(
            answer(OBJECTIONS, listener.objections),
            answer(SAID, listener.said),
            answer(TOLD, listener.told),
            answer(OBJECT, listener.object),
            answer(WITHDRAW, listener.withdraw),
        ),
    )
