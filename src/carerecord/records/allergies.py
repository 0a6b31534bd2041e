"""What may the allergy title say? One table, and it never says "No known allergies" while anybody is outstanding.

1. any active allergy, from any source        -> Known allergies
2. any allergy-sharing source that may hold more -> Allergies unavailable
3. a coded negative for all allergies          -> No known allergies (who, when)
4. otherwise                                   -> Allergies not recorded

The four titles are those of the NHS Common User Interface (patient banner, PAB-0064 to PAB-0072).
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from carerecord.connectors.reply import MISSING
from carerecord.contracts.records import AllergyTitle, Entry
from carerecord.records.order import moment

KNOWN, UNAVAILABLE = "Known allergies", "Allergies unavailable"
NONE_KNOWN, NOT_RECORDED = "No known allergies", "Allergies not recorded"
NAMED = 12  # sources that are missing, in one sentence
ACTIVE = frozenset({"active", "unconfirmed"})

# Where a deployment does not serve allergies at all, no title of the table is true of this record: not even "not recorded".
NOT_SERVED = AllergyTitle("Allergies not part of this record", "This record does not hold allergies. Look for them elsewhere.")


class Sharing(Struct, frozen=True):
    """One source that shares allergies, and how its answer about them stands."""

    name: str
    state: str
    says: str = ""
    last_answer: str = ""


def allergy_title(entries: Iterable[Entry], sharing: Sequence[Sharing], before: AllergyTitle | None = None) -> AllergyTitle:
    """The title, with the finer reason below it. `before` is what stood at the first paint: a change is announced.

    Entries that wait behind a mismatch warning count neither for nor against: their source counts as outstanding.
    """
    shown = [each for each in entries if each.facts.allergy is not None and not each.mismatch]
    held = any(each.facts.allergy is not None and each.mismatch for each in entries)
    missing = [each for each in sharing if each.state in MISSING]
    outstanding = "" if sharing else "No source that was asked shares allergies."
    outstanding = "Entries of one source wait behind a warning." if held else outstanding
    title = _title(shown, missing, outstanding)
    if before is None or before.title == title.title:
        return title
    return AllergyTitle(
        title.title, title.says, title.substances, title.updated, title.incomplete, f"{before.title} has become {title.title}"
    )


def _title(entries: list[Entry], missing: list[Sharing], outstanding: str) -> AllergyTitle:
    active = [each for each in entries if _is_active(each)]
    gap = _gap(missing)
    updated = max((each.facts.last_updated or each.facts.at for each in entries), key=moment, default="")
    if active:
        substances = tuple(dict.fromkeys(each.facts.allergy.substance for each in active if each.facts.allergy))
        return AllergyTitle(KNOWN, f"There may be more: {gap}" if gap else "", substances, updated, bool(missing))
    if missing or outstanding:
        return AllergyTitle(UNAVAILABLE, gap or outstanding, (), updated, True)
    negatives = sorted((each for each in entries if _negative(each)), key=lambda each: moment(each.facts.at), reverse=True)
    for each in negatives:
        if _negative(each) == "all":
            return AllergyTitle(NONE_KNOWN, f"Stated by {_who(each)}", (), each.facts.at or updated)
    says = [f"No known {_negative(each)} allergies, stated by {_who(each)}." for each in negatives]
    past = [each.facts.allergy.substance for each in entries if each.facts.allergy and not _negative(each)]
    if past:
        says.append(f"Earlier entries that are no longer active: {', '.join(dict.fromkeys(past))}.")
    return AllergyTitle(NOT_RECORDED, " ".join(says), (), updated)


def _is_active(entry: Entry) -> bool:
    allergy = entry.facts.allergy
    return allergy is not None and not allergy.negative and allergy.status in ACTIVE


def _negative(entry: Entry) -> str:
    """The scope of a coded negative that stands; "" for anything else."""
    allergy = entry.facts.allergy
    return allergy.negative if allergy is not None and allergy.status in ACTIVE else ""


def _gap(missing: list[Sharing]) -> str:
    told = " ".join(f"{each.name}: {_words(each)}" for each in missing[:NAMED])
    return f"{told} And {len(missing) - NAMED} more." if len(missing) > NAMED else told


def _words(sharing: Sharing) -> str:
    said = {
        "loading": "still loading.",
        "not asked": "not asked.",
        "not switched on": "not switched on yet.",
        "no answer": "did not answer.",
        "unreadable": "its answer could not be read.",
        "incomplete": "its answer is not complete.",
        "discarded": "its answer was about somebody else.",
        "withheld": "withheld.",
        "withheld at source": "withheld at source.",
        "not given": "did not give a record.",
        "not permitted": "not shown to this role.",
        "out of date": "only a copy from earlier is at hand.",
    }.get(sharing.state, f"{sharing.state}.")
    return said


def _who(entry: Entry) -> str:
    named = ", ".join(dict.fromkeys(filter(None, (entry.facts.author, entry.facts.organisation))))
    return f"{named or entry.source}{' (from a copy)' if entry.kept == 'copy' else ''}"
