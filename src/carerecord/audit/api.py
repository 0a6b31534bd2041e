"""The door of the book: who looked, as lines or as AuditEvents, and is the book whole?"""

from carerecord.audit.checkpoints import Checkpoints
from carerecord.audit.service import Book
from carerecord.contracts.audit import EVENTS, LOOKS, VERIFY
from carerecord.kit.part import Heard, Job, Part, Supplies, answer


def build(supplies: Supplies) -> Part:
    checkpoints = Checkpoints(supplies.data_dir / "audit", supplies.keys.own_key("checkpoints"))
    book = Book(supplies.db, checkpoints, supplies.clock, supplies.log)
    return Part(
        supplies.name,
        answers=(answer(LOOKS, book.looks), answer(EVENTS, book.events), answer(VERIFY, book.verify)),
        hears=(Heard("*", ("Line",), book.take),),
        jobs=(Job("audit.notes", book.keep_noting, alone=True),),
        stop=book.close,
    )
