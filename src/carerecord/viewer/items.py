"""What is said of one item, apart from its title? Its words in order of weight; nothing that its source did not say."""

from dataclasses import dataclass, field

from carerecord.contracts.records import Entry, Origin
from carerecord.fhir.facts import Facts, Measure, Medicine, Result
from carerecord.pages.formatting import Formatter
from carerecord.pages.medicines import GENERATED
from carerecord.viewer.view import Mark, View

_MEANS = {"": "Event", "taken": "Taken", "onset": "Onset", "recorded": "Recorded", "authored": "Written", "started": "Started"}
_FINE = {"", "active", "final", "completed", "current", "finished", "recurrence", "relapse"}  # states that are no news


@dataclass(frozen=True)
class Row:
    """One line of a section: when, what, more, and where from."""

    entry: Entry
    when: str
    title: str
    lines: tuple[str, ...]
    marks: tuple[Mark, ...]
    tags: tuple[tuple[str, str], ...] = ()  # (tone, words)
    text: str = ""  # a letter's own words, opened on demand
    phones: tuple[tuple[str, str], ...] = ()
    late: bool = False  # joined after the first paint, and few did
    gone: bool = False  # entered in error, superseded: struck through or quiet, never left out

    @property
    def facts(self) -> Facts:
        return self.entry.facts


@dataclass(frozen=True)
class OriginWords:
    source: str
    pairs: tuple[tuple[str, str], ...] = field(default=())
    item: str = ""


# What a reader would call a file of this type; text is shown as it is.
_FILES = {
    "application/pdf": "PDF", "application/rtf": "RTF", "text/rtf": "RTF", "text/html": "web page", "text/xml": "XML",
    "application/xml": "XML", "image/tiff": "scanned image", "image/jpeg": "image", "image/png": "image",
    "application/msword": "Word document", "application/dicom": "DICOM image",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word document",
}  # fmt: skip
_UNDONE = {"not done": "Not given", "not taken": "Not taken", "declined": "Not supplied"}  # of a medicine
_CONFIDENTIAL = {"R": "Its source calls it restricted", "V": "Its source calls it very restricted"}


def row(view: View, entry: Entry) -> Row:
    facts = entry.facts
    tags = []
    if facts.warning:
        tags.append(("warn", facts.warning[:1].upper() + facts.warning[1:]))
    if entry.superseded_by:
        tags.append(("old", "Superseded"))
    if entry.mismatch:
        tags.append(("unseen", f"{entry.mismatch} differs".capitalize()))
    if facts.medicine and facts.medicine.current and facts.medicine.unsure:
        tags.append(("warn", "To check"))
    late = entry.late and view.late_is_news
    if late:
        tags.append(("late", "Joined late"))
    gone = facts.warning == "entered in error" or bool(entry.superseded_by)
    text = facts.document.text if facts.document else ""
    said = lines(facts, view.fmt)
    title = facts.medicine.group or facts.title if facts.medicine else facts.title
    return Row(entry, facts.at, title, said, view.marks(entry), tuple(tags), text, phones(facts), late, gone)


def phones(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Every number, and whose it is where an item names several people."""
    people = facts.contacts or ((facts.contact,) if facts.contact else ())
    several = len(people) > 1
    whose = {each: each.name if several else "" for each in people}
    return tuple((phone.number, ", ".join(filter(None, (whose[each], phone.use)))) for each in people for phone in each.phones)


def lines(facts: Facts, fmt: Formatter) -> tuple[str, ...]:
    """What stands under the title."""
    said: list[str] = []
    if facts.status.lower() not in _FINE and not (facts.medicine and not facts.medicine.current):
        said.append(facts.status[:1].upper() + facts.status[1:])
    said += _family(facts, fmt)
    if facts.severity:
        said.append(f"Severity: {facts.severity}")
    if facts.note:
        said.append(facts.note)
    return tuple(dict.fromkeys(each for each in said if each and each != facts.title))


def _family(facts: Facts, fmt: Formatter) -> list[str]:
    if facts.allergy:
        allergy = facts.allergy
        reactions = ", ".join(allergy.reactions)
        weight = ", ".join(filter(None, (allergy.severity, allergy.criticality)))
        status = allergy.status[:1].upper() + allergy.status[1:]
        return [reactions, weight, "" if allergy.negative else status]
    if facts.encounter:
        met = facts.encounter
        until = f"Until {fmt.at(met.ended)}" if met.ended and met.ended[:10] != met.started[:10] else ""
        return [
            met.reason,
            ", ".join(filter(None, (met.place, "in progress" if met.in_progress else until))),
            _ended(met.outcome),
        ]
    if facts.plan:
        plan = facts.plan
        return [plan.decision, f"Valid until {fmt.date(plan.valid_until)}" if plan.valid_until else ""]
    if facts.appointment:
        visit = facts.appointment
        when = f"{fmt.at(visit.starts)}" if visit.starts and visit.starts != facts.at else ""
        diary = "Diary entry of the practice" if visit.kind == "diary" else ""
        return [", ".join(filter(None, (diary, when, visit.place, visit.priority)))]
    if facts.contact:
        return [
            ", ".join(filter(None, (each.name if each.name != facts.title else "", each.role, each.organisation)))
            for each in facts.contacts or (facts.contact,)
        ]
    if facts.document:
        size = f"{facts.document.size_bytes / 1000:,.0f} kB" if facts.document.size_bytes else ""
        kind = facts.document.kind if facts.document.kind != facts.title else ""
        written = _FILES.get(facts.document.content_type, "")
        said = facts.document.format if facts.document.format.lower() != written.lower() else ""
        kept = _CONFIDENTIAL.get(facts.confidentiality, "")
        return [", ".join(filter(None, (kind, facts.author, written, said, size))), kept]
    if facts.medicine:
        return [stopped(facts, fmt), fmt.medicine(facts.medicine).words(named=False), *more_of(facts.medicine, fmt)]
    if facts.result:
        return [", ".join(filter(None, (value_words(facts.result), facts.result.conclusion)))]
    return []


def _ended(outcome: str) -> str:
    """How a contact ended: "Usual place of residence" alone would be read as where it was."""
    return outcome if not outcome or "discharge" in outcome.lower() else f"Discharge: {outcome}"


def undone(facts: Facts) -> str:
    """Of a medicine that nobody gave, took or supplied: the word for it."""
    return _UNDONE.get(facts.warning.partition(";")[0], "")


def stopped(facts: Facts, fmt: Formatter) -> str:
    """When a medicine ended and why, or that it was never given."""
    medicine = facts.medicine
    if medicine is None or medicine.current:
        return ""
    if what := undone(facts):
        on = f" {fmt.at(facts.at)}" if facts.at else ""
        return f"{what}{on}: “{medicine.stopped_reason}”" if medicine.stopped_reason else f"{what}{on}"
    if medicine.kind in ("dispense", "issue") and not medicine.ended and not medicine.stopped_reason:
        what = "Dispensed" if medicine.kind == "dispense" else "Issued"  # it was given out, not ended
        return f"{what} {fmt.date(medicine.issued)}" if medicine.issued else what
    if not medicine.ended and not medicine.stopped_reason and medicine.because:
        return fmt.dated(medicine.because[:1].upper() + medicine.because[1:])
    when = f" {fmt.date(medicine.ended)}" if medicine.ended else ""
    why = f": “{medicine.stopped_reason}”" if medicine.stopped_reason else ""
    return f"Stopped{when}{why}" if medicine.stopped_reason else f"Ended{when}"


def more_of(medicine: Medicine | None, fmt: Formatter) -> list[str]:
    """What stands on lines of its own beside the dose: ours apart from the source's, and why nobody can say if it is current."""
    if medicine is None:
        return []
    return [
        f"Further steps, {GENERATED}: {fmt.dated(medicine.dose_rest)}" if medicine.dose_rest else "",
        f"Told to the patient: “{medicine.advice}”" if medicine.advice else "",
        f"Check whether it is current: {fmt.dated(medicine.because)}" if medicine.current and medicine.unsure else "",
    ]


def value_words(result: Result) -> str:
    """148/92 mmHg, 13 (Eyes 3, Verbal 4, Motor 6), 5.0 mmol/L high: as received, with why a value is absent."""
    whole = measure_words(result.measure) if result.measure.value or result.measure.absent else ""
    parts = tuple(each for each in result.components if each.value or each.absent)
    names = [each.name.lower() for each in parts]
    if len(parts) == 2 and "systolic" in names[0] and "diastolic" in names[1]:
        return f"{parts[0].value}/{parts[1].value} {parts[0].unit}".strip()
    inner = ", ".join(f"{each.name} {measure_words(each)}" for each in parts)
    return f"{whole} ({inner})" if whole and inner else whole or inner


def measure_words(measure: Measure) -> str:
    if not measure.value:
        return f"no value: {measure.absent}" if measure.absent else "Not recorded"
    return " ".join(filter(None, (measure.value, measure.unit, measure.flag if measure.flag != "normal" else "")))


def origins(view: View, entry: Entry) -> tuple[OriginWords, ...]:
    """Where an item came from: one block for each source that holds it."""
    return tuple(_origin(view, entry.facts, origin) for origin in entry.origins)


def _came(origin: Origin, fmt: Formatter) -> tuple[tuple[str, str], ...]:
    """When a source said it: now, or when its copy came here."""
    if origin.kept == "copy":
        return ("Copy as at", fmt.at(origin.came_at)), ("Read", fmt.at(origin.fetched_at))
    return (("Kept here since" if origin.kept else "Fetched", fmt.at(origin.came_at or origin.fetched_at)),)


def _origin(view: View, facts: Facts, origin: Origin) -> OriginWords:
    fmt = view.fmt
    state = view.sources.get(origin.source)
    author = origin.author or facts.author
    pairs = [
        ("Author", author or fmt.missing()),
        (_MEANS.get(facts.at_means, facts.at_means.capitalize()), fmt.at(facts.at)),
        *_came(origin, fmt),
    ]
    if origin.recorded and origin.recorded != facts.at:
        pairs.insert(2, ("Recorded", fmt.at(origin.recorded)))
    if origin.organisation and state and origin.organisation != state.name:
        pairs.insert(1, ("Organisation", origin.organisation))
    if origin.merged:
        pairs.append(("Sent under", "Another number of this source, which has merged it into this person’s."))
    if facts.medicine and facts.medicine.because:
        pairs.append(("To check" if facts.medicine.unsure else "Current" if facts.medicine.current else "Past",
                      fmt.dated(facts.medicine.because)))  # fmt: skip
    item = f"{origin.source}|{origin.resource_type}|{origin.id}{'|kept' if origin.kept else ''}"
    return OriginWords(state.name if state else origin.source, tuple(pairs), item)
