"""What is in a practice's answer once it is R4? Each resource counted once, read once, filed; what was not carried is listed."""

from collections.abc import Iterable

from carerecord.connectors.fhir_r4_asks import sections_of
from carerecord.connectors.fhir_r4_take import READ_IN_PASSING, WARNINGS, Taken
from carerecord.contracts.records import NotCarried
from carerecord.fhir import bundle as bundles
from carerecord.fhir.stu3 import Converted, ListWarning, entries_of
from carerecord.kit.turns import Turn

# STU3's names of what R4 calls ServiceRequest; what belongs to no section says who, where and how the rest hangs together.
_REQUESTS = frozenset({"ProcedureRequest", "ReferralRequest"})
_BESIDE = READ_IN_PASSING | {"List", "Patient", "Bundle", "OperationOutcome"}


class GpTaken(Taken):
    """What one conversation with a practice has brought so far."""

    async def converted(self, made: Converted, turn: Turn) -> None:
        """Take in one converted answer. Others have their turn in between."""
        self.patient(made.patient)
        entries: list[bundles.Entry] = []
        here: dict[tuple[str, str], bytes] = {}
        for entry in entries_of(made):
            first = here.setdefault((entry.type, entry.id), entry.raw) if entry.id else entry.raw
            if first is not entry.raw:
                self._double(entry, same=first == entry.raw)
            elif entry.type in READ_IN_PASSING:
                entries.append(entry)
                self._in_passing(entry)
            else:
                entries.append(entry)
            await turn.over()
        for entry in entries:
            if entry.type == "List":
                self._contents(entry)
            elif entry.type not in READ_IN_PASSING:
                self._take(entry)
            await turn.over()
        self._show()
        for unread in made.unread:
            self._unreadable(unread.type, unread.type, unread.raw)
        self.warnings.extend(WARNINGS[each.code] for each in made.warnings if each.code in WARNINGS)

    def whole_left_out(self, made: Converted) -> None:
        """Resources of a type that is not converted: counted as sent and as not readable, so that the sum holds."""
        for each in made.not_carried:
            if each.path == each.type:
                self._sent[each.type] += each.count
                self._broken[each.type] += each.count
                self.count += each.count

    def _double(self, entry: bundles.Entry, *, same: bool) -> None:
        """Two of one id in one answer. The same twice is one; where they differ the first stands and the other is unread."""
        if same or entry.type in READ_IN_PASSING:
            self.count += 1
            self._sent[entry.type] += 1
            (self._shown if same else self._broken)[entry.type] += 1
        else:
            self._unreadable(entry.type, entry.type, entry.raw)

    def _contents(self, entry: bundles.Entry) -> None:
        """A list is the table of contents of an area or a consultation: what it lists is shown, not itself."""
        key = f"{self._source}/{entry.type}/{entry.id}"
        if entry.id and key in self._seen:
            return
        self._seen.add(key)
        self.count += 1
        self._sent[entry.type] += 1
        self._shown[entry.type] += 1


def words_of(warnings: Iterable[ListWarning]) -> dict[str, str]:
    """By section, everything that its lists say of their own completeness, each thing once."""
    said: dict[str, dict[str, str]] = {}
    for each in warnings:
        kept = said.setdefault(each.section, {})
        if each.code not in kept or len(each.words) < len(kept[each.code]):
            kept[each.code] = each.words
    return {section: " ".join(dict.fromkeys(by_code.values())) for section, by_code in said.items()}


def left_out(made: Iterable[Converted], wanted: frozenset[str]) -> tuple[NotCarried, ...]:
    """What was not carried of what this reader may see; of the rest, not even that it came.

    That an item follows a profile of STU3 is said in each of them, and is no content: it is left out of this list.
    """
    told = (each for one in made for each in one.not_carried if not each.path.endswith(".meta.profile"))
    return tuple(NotCarried(each.path, each.why, each.count) for each in told if _may_be_told(each.type, wanted))


def _may_be_told(type_: str, wanted: frozenset[str]) -> bool:
    if type_ in _BESIDE:
        return True
    return bool(sections_of("ServiceRequest" if type_ in _REQUESTS else type_) & wanted)
