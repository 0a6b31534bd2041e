"""What does an open page know of this person's copies and entries, and what has changed since? Short marks, nothing clinical.

The marks travel through the browser. They are digests under a key of this service: they tell nobody how much is kept, and of a
source that this reader is not told of, or may see nothing of, there is none.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from carerecord.connectors.reply import Asking
from carerecord.contracts.holdings import KeptMark
from carerecord.contracts.locator import Pointer
from carerecord.contracts.patients import Person
from carerecord.contracts.records import NewsItem
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.tokens import seal
from carerecord.records.choosing import Choice

DIGITS = 12  # of each mark: enough that no two agree by chance


class Known(Struct, frozen=True):
    entries: tuple[str, ...]  # which are this person, at the sources that this reader sees something of
    sections: dict[str, str]  # by source: of what is kept there, what this reader may see
    copies: dict[str, tuple[str, str]]  # by source: the copies themselves, and when the newest of them came


_decoder = msgspec.json.Decoder(Known)


def kept_sections(askings: Iterable[Asking], choices: Mapping[str, Choice]) -> dict[str, frozenset[str]]:
    """Of every source that is asked, the sections read from what is kept; not of practices, which are found anew each time."""
    found = {each.source.id: (each.source, each.sections & choices[each.source.id].kept) for each in askings}
    return {id_: names for id_, (source, names) in found.items() if names or source.connector != "gp_connect"}


def known(
    key: bytes, person: Person, pointers: Sequence[Pointer], sections: Mapping[str, Collection[str]], marks: Iterable[KeptMark]
) -> Known:
    def mark(*what: object) -> str:
        return seal(key, repr(what).encode())[:DIGITS]

    # A pointer that was learned while answering bears the id that was opened: it is no other entry.
    entries = {person.patient, *(each.patient for each in pointers if each.source in sections)}
    return Known(
        tuple(sorted(mark("entry", each) for each in entries)),
        {source: mark("sections", sorted(names)) for source, names in sections.items() if names},
        {each.source: (_copies(mark, each), each.at) for each in marks if sections.get(each.source)},
    )


def _copies(mark: Callable[..., str], of: KeptMark) -> str:
    return mark("copies", of.source, "more" if of.more else (of.many, of.versions, of.gone))


def heard(
    key: bytes, person: Person, pointers: Sequence[Pointer], sections: Mapping[str, Collection[str]], marks: Iterable[KeptMark]
) -> str:
    return urlsafe_b64encode(msgspec.json.encode(known(key, person, pointers, sections, marks))).decode()


def read(told: str) -> Known:
    """
    Raises:
        NotUnderstood: it is not what a record said.
    """
    try:
        return _decoder.decode(urlsafe_b64decode(told.encode()))
    except (binascii.Error, ValueError, RecursionError):
        raise NotUnderstood("What this page knows cannot be read. Open the record again.") from None


def since(
    before: Known, now: Known, marks: Iterable[KeptMark], names: Mapping[str, str], sought: Collection[str]
) -> tuple[NewsItem, ...]:
    """What has changed, the sources by name. Where what may be seen has changed, that alone is told: not of which source.

    `sought` are the sources that would be asked if all were permitted.
    """
    if any(now.sections.get(source) != mark for source, mark in before.sections.items() if source in sought):
        return (NewsItem("sharing"),)
    items = []
    for each in marks:
        mark, at = before.copies.get(each.source, ("", ""))
        if each.source in now.copies and now.copies[each.source][0] != mark:
            # What went to another entry, or was committed late, leaves the newest as it was: then no time is told.
            items.append(NewsItem("sent", each.source, names.get(each.source, ""), each.at if each.at > at else ""))
    gone = (before.copies.keys() - now.copies.keys()) & now.sections.keys()
    items += [NewsItem("sent", source, names.get(source, "")) for source in sorted(gone)]
    items += [NewsItem("joined")] if set(now.entries) - set(before.entries) else []
    items += [NewsItem("parted")] if set(before.entries) - set(now.entries) else []
    return tuple(items)
