"""What of one source's answer can be worked out as soon as it has come? All that does not depend on the others, so that after
the slowest source only its own items and the joining are left to do."""

from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from carerecord.connectors.reply import Reply
from carerecord.contracts.records import Entry, Record
from carerecord.kit.turns import Turn, Turns
from carerecord.records.doubles import Laid, laid_out
from carerecord.records.issues import with_issues

_MANY = 200  # items between two looks at the clock


class Sheet(Struct, frozen=True):
    """One reply, its items under their headings and in order."""

    reply: Reply
    headings: Mapping[str, tuple[Laid, ...]]  # by section
    digest: str  # over every item: see `digest`
    late: bool = False


async def sheet_of(reply: Reply, turns: Turns, *, late: bool = False) -> Sheet:
    """The reply laid out. Others get their turn between two parts of a large answer."""
    async with turns.mine() as turn:
        entries = with_issues(reply.entries)
        reply = reply if entries is reply.entries else replace(reply, entries=entries)
        headings = await _under_headings(reply, turn, late)
        shown = [f"{each.resource_type}/{each.id}/{each.version}" for each in [entry.facts for entry in reply.entries]]
        return Sheet(reply, headings, _of_source(shown), late)


async def _under_headings(reply: Reply, turn: Turn, late: bool) -> dict[str, tuple[Laid, ...]]:
    mismatch = ", ".join(what for what, _, _ in reply.mismatches)
    headings: dict[str, list[Laid]] = {}
    for start in range(0, len(reply.entries), _MANY):
        entries = reply.entries[start : start + _MANY]
        if late or mismatch:
            entries = tuple([replace(entry, late=late, mismatch=mismatch) for entry in entries])
        under: dict[str, list[Entry]] = {}
        for entry in entries:
            if (section := entry.facts.section) in under:
                under[section].append(entry)
            else:
                under[section] = [entry]
        for section, together in under.items():
            headings.setdefault(section, []).append(laid_out(together))
        await turn.over()
    return {section: tuple(each) for section, each in headings.items()}


def digest(of_sources: Mapping[str, str]) -> str:
    """SHA-256 over what was shown of each source, so that "what did they see" can be proved."""
    return sha256("\n".join(f"{source} {each}" for source, each in sorted(of_sources.items())).encode()).hexdigest()


def digest_of(record: Record) -> str:
    """The digest of a record at hand, to hold beside the one in the book: for each source SHA-256 over type, id and version of
    every item of it that is shown."""
    shown: dict[str, list[str]] = {}
    for section in record.sections:
        for entry in section.entries:
            for origin in entry.origins:
                shown.setdefault(origin.source, []).append(f"{origin.resource_type}/{origin.id}/{origin.version}")
    return digest({source: _of_source(names) for source, names in shown.items()})


def _of_source(shown: list[str]) -> str:
    return sha256("\n".join(sorted(shown)).encode()).hexdigest() if shown else ""
