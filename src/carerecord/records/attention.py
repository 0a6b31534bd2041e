"""What should a reader not miss? Small rules, each with an id and where it comes from. The page shows; it does not advise."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from carerecord.connectors.reply import Reply
from carerecord.contracts.records import Attention, Entry, Group, PlanLine, Section
from carerecord.contracts.sources import Source
from carerecord.fhir.deaths import WHY
from carerecord.fhir.facts import Facts, Medicine
from carerecord.records.groups import CONFLICT, DIFFERS, DISPENSED_SINCE
from carerecord.records.order import moment


class FlagRule(Struct, frozen=True):
    """One rule of this page, as `docs/reference` and the records door list it."""

    id: str
    says: str
    source: str


class Watched(Struct, frozen=True):
    """A medicine that has harmed people when a reader did not know of it."""

    rule: str
    what: str
    words: re.Pattern[str]


_LONDON: Final = ZoneInfo("Europe/London")
WITHDRAWN: Final = "withdrawn by the sender"
_OURS: Final = "carerecord: a gap is named, never hidden (hazard log)"
RULES: Final[tuple[FlagRule, ...]] = (
    FlagRule("gap/source", "A source that was asked did not give a whole answer.", _OURS),
    FlagRule("gap/locator", "Who holds information could not be looked up: all who may know the person were asked.", _OURS),
    FlagRule("gap/index", "The patient index does not answer: sources were asked by exact NHS number.", _OURS),
    FlagRule("gap/in-transit", "The practice says that the record is still being transferred.", "GP Connect, List warning codes"),
    FlagRule("gap/awaiting-filing", "The practice says that data are waiting to be filed.", "GP Connect, List warning codes"),
    FlagRule("gap/confidential", "The practice says that it holds items it does not send.", "GP Connect, List warning codes"),
    FlagRule("gap/said", "The source, or what speaks to it here, says this of its answer.", _OURS),
    FlagRule("gap/merge", "What lies under the other number is not shown here until a data-quality officer has decided.", _OURS),
    FlagRule("gap/withdrawn", "What is withdrawn is no longer shown. Whoever read it before should know.", _OURS),
    FlagRule("danger/wrong-patient", "A source answered about somebody else; its answer was discarded.", _OURS),
    FlagRule("danger/death", "Whether this person has died is in doubt: who recorded it and who did not do not agree.", _OURS),
    FlagRule("danger/mismatch", "A source knows this person by another name; its items wait behind a warning.", _OURS),
    FlagRule("danger/two-entries", "A source holds several entries for this NHS number; a human chooses.", _OURS),
    FlagRule("allergy/conflict", "Sources contradict each other about an allergy.", "NHS Common User Interface, allergy status"),
    FlagRule("medicine/stopped-dispensed", "Stopped by one source and dispensed since.", "NICE NG5, medicines reconciliation"),
    FlagRule("medicine/differs", "Sources differ about a medicine in use.", "NICE NG5, medicines reconciliation"),
    FlagRule("medicine/anticoagulant", "An anticoagulant is in use.", "NPSA Patient Safety Alert 18 (2007)"),
    FlagRule("medicine/insulin", "Insulin is in use.", "NPSA/2010/RRR013"),
    FlagRule("medicine/methotrexate", "Methotrexate is in use.", "MHRA Drug Safety Update, September 2020"),
    FlagRule("medicine/clozapine", "Clozapine is in use.", "MHRA Drug Safety Update, October 2017 and August 2020"),
    FlagRule("medicine/lithium", "Lithium is in use.", "NPSA/2009/PSA005"),
    FlagRule("medicine/opioid", "A strong opioid is in use.", "NPSA/2008/RRR05; MHRA Drug Safety Update, September 2020"),
    FlagRule("result/critical", "The newest value of a test is marked critical by its laboratory.", "RCPath G158"),
    FlagRule("plan/decision", "A decision about treatment was made in advance.", "Resuscitation Council UK, ReSPECT"),
    FlagRule("flag/safeguarding", "A safeguarding flag stands.", "NHS England, Child Protection Information Sharing"),
    FlagRule("flag/clinical", "A source has raised a flag.", "FHIR R4 Flag"),
)  # fmt: skip
RULE: Final = {rule.id: rule for rule in RULES}
MISSING: Final = ("gap/locator", "gap/index", "gap/merge", "gap/withdrawn")  # of which the state of no source tells

WATCHED: Final = tuple(
    Watched(f"medicine/{rule}", what, re.compile(rf"\b(?:{words})", re.IGNORECASE))
    for rule, what, words in (
        ("anticoagulant", "anticoagulant",
         "warfarin|acenocoumarol|phenindione|apixaban|rivaroxaban|edoxaban|dabigatran|heparin|enoxaparin|dalteparin|tinzaparin|"
         "fondaparinux"),
        ("insulin", "insulin", "insulin|degludec|glargine|detemir|aspart|lispro|glulisine"),
        ("methotrexate", "methotrexate", "methotrexate"),
        ("clozapine", "clozapine", "clozapine"),
        ("lithium", "lithium", "lithium"),
        ("opioid", "strong opioid",
         "morphine|diamorphine|oxycodone|fentanyl|buprenorphine|methadone|hydromorphone|tapentadol|alfentanil"),
    )
)  # fmt: skip
_WARNINGS: Final = {
    "data in transit": ("gap/in-transit", "Record transfer not finished, may be incomplete"),
    "data awaiting filing": ("gap/awaiting-filing", "Data awaiting filing"),
    "confidential items": ("gap/confidential", "Confidential items are not sent"),
}
_GAPS: Final = {
    "no answer": "{} did not answer",
    "unreadable": "{} answered with something that could not be read",
    "incomplete": "{}: not everything could be read",
    "out of date": "{}: a copy, not live",
    "not given": "{} did not give a record",
    "withheld at source": "{}: withheld at source",
}


def attention(
    replies: Sequence[Reply], sections: Sequence[Section], plans: Sequence[PlanLine], *, degraded: Iterable[str] = (),
    left: Iterable[tuple[Source, str]] = (), merges: Iterable[Source] = (), death_doubted: str = "",
) -> tuple[Attention, ...]:  # fmt: skip
    """Everything that the rules find, the dangers first. `degraded` are ids of rules about our own services being down.

    `left` are sources that took back an entry of this person, each with the time; `merges` those that told of another entry as
    this person's, while a human is asked; `death_doubted` why a death that was recorded is in doubt, as the index says it.
    """
    by_id = {section.id: section for section in sections}
    names = {reply.source.id: reply.source.name for reply in replies}
    found = [
        *(Attention("gap", "Not everything could be looked up", RULE[rule].says, rule) for rule in degraded),
        *(each for reply in replies for each in _of_source(reply)),
        *(_gone_from(source, at) for source, at in left),
        *(_merged_by(source) for source in merges),
        *_of_death(death_doubted),
        *_of_allergies(by_id.get("allergies")),
        *_of_medicines(by_id.get("medicines"), names),
        *_of_results(by_id.get("results")),
        *_of_plans(plans, by_id.get("plans")),
        *_of_flags(by_id.get("safeguarding")),
        *_of_flags(by_id.get("alerts")),
    ]
    order = {"danger": 0, "gap": 1, "differs": 2, "info": 3, "late": 4}
    return tuple(sorted(found, key=lambda each: order[each.kind]))


def _of_source(reply: Reply) -> Iterable[Attention]:
    name, source = reply.source.name, reply.source.id
    if reply.danger:
        says = "Its answer was discarded, and this has been reported as a safety alert."
        yield Attention("danger", f"{name} answered about somebody else", says, "danger/wrong-patient", source=source)
        return
    if reply.strangers:
        yield Attention("danger", f"{name} sent items about somebody else", reply.says, "danger/wrong-patient", source=source)
    if reply.choices:
        yield Attention("danger", f"{name} has several entries for one number", reply.says, "danger/two-entries", source=source)
    for what, here, there in reply.mismatches:
        yield Attention("danger", f"{name} knows this person by another {what}", f"Here {here}; there {there}.",
                        "danger/mismatch", source=source)  # fmt: skip
    if reply.state in _GAPS and not reply.choices:
        unread = reply.kept == "copy" and reply.state == "no answer"  # it is we who are silent
        title = f"The copy of {name} cannot be read" if unread else _GAPS[reply.state].format(name)
        yield Attention("gap", title, reply.says, "gap/source", source=source)
    for warning in reply.warnings:
        # What is none of GP Connect's words is a window's own sentence about this source.
        rule, title = _WARNINGS.get(warning) or ("gap/withdrawn" if WITHDRAWN in warning else "gap/said", warning)
        yield Attention("gap", f"{name}: {title}", RULE[rule].says, rule, source=source)


def _gone_from(source: Source, at: str) -> Attention:
    """Its items went with its entry, and it is asked no more: without this the page would say nothing of either."""
    title = f"{source.name}: this person's entry {WITHDRAWN}, on {told_at(at)}"
    return Attention("gap", title, RULE["gap/withdrawn"].says, "gap/withdrawn", source=source.id)


def _merged_by(source: Source) -> Attention:
    title = f"{source.name} says that another number is this person's too"
    return Attention("gap", title, RULE["gap/merge"].says, "gap/merge", source=source.id)


def _of_death(doubted: str) -> Iterable[Attention]:
    if doubted:
        yield Attention("danger", WHY[doubted], RULE["danger/death"].says, "danger/death")


def told_at(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(_LONDON):%d-%b-%Y at %H:%M}"


def _of_allergies(section: Section | None) -> Iterable[Attention]:
    if section is None:
        return
    for group in section.groups:
        if group.label == CONFLICT:
            yield _from_group("danger", group, "Sources contradict each other", group.says, "allergy/conflict", "allergies")
    shown = [each for each in section.entries if not each.mismatch]
    negatives = [each for each in shown if each.facts.allergy and each.facts.allergy.negative == "all"]
    active = [each for each in shown if _is_active_allergy(each.facts)]
    if negatives and active:
        yield Attention("danger", "One source states no known allergies, another holds one",
                        "The active entry stands; both are shown.", "allergy/conflict", "allergies", "",
                        tuple(each.key for each in (*active, *negatives)))  # fmt: skip


def _is_active_allergy(facts: Facts) -> bool:
    return facts.allergy is not None and not facts.allergy.negative and facts.allergy.status in ("active", "unconfirmed")


def _of_medicines(section: Section | None, names: Mapping[str, str]) -> Iterable[Attention]:
    if section is None:
        return
    entries = {each.key: each for each in section.entries}
    for group in section.groups:
        if not group.current:
            continue
        alike = [entries[key] for key in group.entries if key in entries]
        in_use = [each for each in alike if each.facts.medicine and each.facts.medicine.current]
        if group.label == DISPENSED_SINCE:
            groups = {_group_of(each) for each in alike}
            every = [each for each in section.entries if not each.mismatch and _group_of(each) in groups]
            says = _stopped_and_supplied(every, names) or group.says
            yield _from_group("danger", group, f"{group.title}: stopped, dispensed since", says,
                              "medicine/stopped-dispensed", "medicines")  # fmt: skip
        elif group.label == DIFFERS:
            both = _side_by_side(in_use, names) if group.says.startswith(_DOSING) else ""
            says = both or group.says
            yield _from_group("differs", group, f"{group.title}: sources differ", says, "medicine/differs", "medicines")
        names_of_it = _names_of(group, alike)
        for watched in WATCHED:
            if any(watched.words.search(name) for name in names_of_it):
                extra = "not certain whether it is current" if group.unsure else group.says if group.label != DIFFERS else ""
                says = ". ".join(filter(None, (_side_by_side(in_use, names, "; "), extra[:1].upper() + extra[1:])))
                # Named by its class, or where it is its own class by that it is in use: never by its name twice.
                in_use_or_may_be = "may be in use" if group.unsure else "in use"
                what = in_use_or_may_be if watched.what in group.title.casefold() else watched.what
                yield _from_group("info", group, f"{group.title}: {what}", says, watched.rule, "medicines")


def _group_of(entry: Entry) -> str:
    return entry.facts.medicine.group if entry.facts.medicine else ""


def _names_of(group: Group, alike: Sequence[Entry]) -> tuple[str, ...]:
    """Every name it goes by, once: a brand may stand in one source, its substance in another."""
    known = [each.facts.medicine for each in alike if each.facts.medicine]
    return tuple(dict.fromkeys((group.title, group.key, *[name for each in known for name in (each.group, each.substance)])))


_DOSING: Final = ("dose", "frequency", "route")


def _side_by_side(in_use: Sequence[Entry], names: Mapping[str, str], between: str = " or ") -> str:
    """Both values, and who says which: "5 mg once a day (Elm Bank Surgery) or 2.5 mg once a day (Aldermoor Hospitals)"."""
    said: dict[str, list[str]] = {}
    for entry in in_use:
        if entry.facts.medicine and (words := _dosing(entry.facts.medicine)):
            said.setdefault(words, []).extend(names.get(each.source, each.source) for each in entry.origins)
    return between.join(f"{words} ({', '.join(dict.fromkeys(sources))})" for words, sources in said.items())


def _dosing(medicine: Medicine) -> str:
    """The source's own words, else what it coded, whole."""
    if medicine.dose:
        return medicine.dose
    return f"{medicine.amount} {medicine.frequency}".strip()


def _stopped_and_supplied(alike: Sequence[Entry], names: Mapping[str, str]) -> str:
    """Who stopped it, when and why; who has supplied it last. Days as they are stored: a page writes them for its reader."""
    known = [(names.get(each.source, each.source), each.facts.medicine) for each in alike]
    stops = [(name, each) for name, each in known if each and not each.current]
    supplies = [(name, each) for name, each in known if each and each.kind == "dispense"]
    if not stops or not supplies:
        return ""
    who, stop = max(stops, key=lambda each: moment(each[1].ended))
    by, supply = max(supplies, key=lambda each: moment(each[1].issued))
    day = f" on {stop.ended[:10]}" if stop.ended else ""
    why = f": “{stop.stopped_reason.rstrip('.')}”" if stop.stopped_reason else ""
    since = f" on {supply.issued[:10]}" if supply.issued else " since"
    return f"{who} stopped it{day}{why}. {by} dispensed it{since}."


def _of_results(section: Section | None) -> Iterable[Attention]:
    """The newest value of each test only: an old critical value that has since settled is history."""
    if section is None:
        return
    seen: set[str] = set()
    for entry in section.entries:
        result = entry.facts.result
        if result is None or result.test in seen or entry.mismatch:
            continue
        seen.add(result.test)
        if result.measure.flag.startswith("critically") and result.measure.flag_from == "source":
            measure = result.measure
            says = " ".join(filter(None, (measure.value, measure.unit, measure.flag)))
            yield Attention("danger", entry.facts.title, says, "result/critical", "results", "", (entry.key,))


def _of_plans(plans: Sequence[PlanLine], section: Section | None) -> Iterable[Attention]:
    """Each decision that stands, in its own first words; one that a newer plan has superseded is no news."""
    entries = {each.key: each for each in section.entries} if section else {}
    for line in plans:
        entry = entries.get(line.entry)
        if line.state != "present" or (entry and entry.superseded_by):
            continue
        said = entry.facts.plan.decision.split("\n")[0] if entry and entry.facts.plan else ""
        yield Attention("info", f"{line.title}: present", " ".join(filter(None, (said, line.says))), "plan/decision", "plans", "",
                        (line.entry,))  # fmt: skip


def _of_flags(section: Section | None) -> Iterable[Attention]:
    if section is None:
        return
    for entry in sorted(section.entries, key=lambda each: moment(each.facts.at), reverse=True):
        flag = entry.facts.flag
        if flag is None or not flag.active or entry.mismatch:
            continue
        safeguarding = flag.kind == "safeguarding"
        yield Attention("danger" if safeguarding else "info", entry.facts.title, entry.facts.note,
                        "flag/safeguarding" if safeguarding else "flag/clinical", section.id, "", (entry.key,))  # fmt: skip


def _from_group(kind: str, group: Group, title: str, says: str, rule: str, section: str) -> Attention:
    named = title if group.title in title else f"{group.title}: {title[:1].lower()}{title[1:]}"
    return Attention(kind, named, says, rule, section, "", group.entries)
