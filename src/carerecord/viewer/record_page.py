"""How does a record become a page, and then, as late sources answer, the parts of it that changed?"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from msgspec.structs import replace

from carerecord.contracts.identity import Session
from carerecord.contracts.patients import Demographics
from carerecord.contracts.records import AllergyTitle, Record, SourceState
from carerecord.fhir.identifiers import NHS_NUMBER_STATUS
from carerecord.fhir.sections import SECTIONS
from carerecord.pages.formatting import Formatter, joined
from carerecord.viewer import medicines as meds
from carerecord.viewer.briefs import brief
from carerecord.viewer.contacts import since
from carerecord.viewer.first_screen import FirstScreen, screen_of
from carerecord.viewer.items import origins
from carerecord.viewer.matrix import by_organisation, matrix
from carerecord.viewer.sections import SectionView, sections, value_of
from carerecord.viewer.states import MANY, MOST_NAMED, answered, counted_as, named, sentence, sign, together, trouble
from carerecord.viewer.summary import attention, decisions, key_results, long_plan, problems
from carerecord.viewer.view import View

# Every element that a late answer may change: its id, and the template that fills it.
FRAGMENTS = (
    ("allergy", "allergy"), ("allergy-more", "allergy_more"), ("slim", "slim"), ("nav", "nav"), ("side", "side"),
    ("dock", "side"), ("status", "status"), ("warnings", "warnings"), ("attention", "attention"), ("decisions", "decisions"),
    ("since", "since"), ("meds", "meds"), ("key", "key"), ("probs", "probs"), ("sources", "matrix"),
    ("not-yours", "not_yours"), ("heard", "heard"),
)  # fmt: skip
# Of each on the first screen, the loudest and the newest first; the rest unfold, so that what follows is within reach.
FIRST_MEDICINES, FIRST_PROBLEMS = 20, 12
_CLINICAL_ONLY = {"allergy-more", "attention", "decisions", "since", "meds", "key", "probs"}
_ALLERGY_KINDS = {
    "Known allergies": "known",
    "No known allergies": "none",
    "Allergies unavailable": "unavailable",
    "Allergies not recorded": "unrecorded",
    "Allergies not part of this record": "unserved",
}
# What a panel is about: where a deployment serves none of it, the panel is not there, rather than empty.
_ABOUT = {
    "allergy-more": ("allergies",), "decisions": ("plans",), "since": ("encounters",), "meds": ("medicines",),
    "key": ("results", "observations"), "probs": ("problems",),
}  # fmt: skip
_CLINICAL = {each.id for each in SECTIONS.values() if each.clinical}


@dataclass
class RecordPage:
    """One response: remembers what it has sent, so that only what changed is sent again. It dies with the response."""

    env: Environment
    session: Session
    patient: str
    base: Mapping[str, Any]  # what every page of this request needs: nonce, region, links, now
    _sent: dict[str, bytes] = field(default_factory=dict)

    @property
    def _screen(self) -> FirstScreen:
        return screen_of(self.session.actor.role.code if self.session.actor else "")

    async def whole(self, record: Record, *, say: str = "") -> str:
        """The page. `say` is announced by the script when it takes the place of another."""
        values = self.values(record) | {"say": say}
        parts: dict[str, Markup] = {}
        for name, html in self._parts(values):
            parts[name] = html
            self._sent[name] = sha256(html.encode()).digest()
            await asyncio.sleep(0)  # others have their turn between two parts
        return self.env.get_template("record/page.html").render(values, parts=parts)

    async def late(self, record: Record) -> str:
        """The parts that changed, each bound to this patient and this opening, and the sign that they are all there."""
        values = self.values(record)
        changed = []
        for name, html in self._parts(values):
            mark = sha256(html.encode()).digest()
            if self._sent.get(name) != mark:
                self._sent[name] = mark
                changed.append(self._template(name, html))
            await asyncio.sleep(0)
        new = [state for state in record.states if state.source in record.joined]
        names = [state.name for state in new if not trouble(state.state)]
        told = [f"{joined(names)} joined."] if names else []
        silent = [state for state in new if trouble(state.state)]
        told += [sentence(state, self.base["fmt"]) for state in silent[:MOST_NAMED]]
        if len(silent) > MOST_NAMED:
            told.append(f"{len(silent) - MOST_NAMED} more gave no whole answer: the page names them.")
        if record.allergies.announce:
            told.append(record.allergies.announce)
        if record.complete:
            told.append("Every source has answered or was given up.")
        return Markup("").join([*changed, self._template("", Markup(""), say=" ".join(told))])

    def broke(self, says: str) -> str:
        """The stream ended before every source was heard: said on the page, beside what it holds."""
        words = f"{says} What has arrived is shown; load this page again to ask the sources that are still missing."
        alert = Markup('<div class="cr-alert cr-alert--gap"><div><h2>{}</h2><p>{}</p></div></div>')
        html = alert.format("The record stopped arriving", words)
        return self._template("warnings", html, say=words)

    def _template(self, into: str, html: Markup, say: str = "") -> Markup:
        bound = Markup('<template data-late data-patient="{}" data-opening="{}" data-into="{}" data-say="{}">{}</template>\n')
        return bound.format(self.patient, self.base["opening"], into, say, html)

    def _parts(self, values: dict[str, Any]) -> Iterator[tuple[str, Markup]]:
        side = self._fragment("side", values)
        for name, template in FRAGMENTS:
            if (values["clinical"] or name not in _CLINICAL_ONLY) and _is_served(name, values["record"]):
                yield name, side if template == "side" else self._fragment(template, values)
        for panel in self._screen.briefs:
            if panel.show in SECTIONS and panel.show not in (values["record"].served or SECTIONS):
                continue
            told = brief(values["view"], panel, values["by_section"].get(panel.show))
            yield panel.id, self._fragment("brief", {**values, "brief": told})
        for section in values["sections"]:
            yield section.id, self._fragment("section", {**values, "section": section})
        print_style = self.env.get_template("record/print.css").render(values)
        yield "print", Markup(print_style)  # noqa: S704 - css_text has escaped every value in it

    def _fragment(self, template: str, values: dict[str, Any]) -> Markup:
        text = self.env.get_template("record/fragment.html").render({**values, "part": f"record/{template}.html"})
        return Markup(text)  # noqa: S704 - a template that escapes what it is given

    def values(self, record: Record) -> dict[str, Any]:
        fmt: Formatter = self.base["fmt"]
        view = View(record, fmt)
        screen = self._screen
        place = {each: number for number, each in enumerate(screen.order)}
        shown = tuple(sorted(sections(view), key=lambda each: place[each.id]))
        not_yours = tuple(each for each in shown if each.hidden)
        shown = tuple(each for each in shown if not each.hidden)
        by_section = {each.id: each for each in shown}
        person = record.person.demographics
        return {
            **self.base,
            "session": self.session, "patient": self.patient, "say": "", "record": record, "view": view, "person": person,
            "sections": shown, "by_section": by_section, "not_yours": not_yours,
            "known_sections": screen.order, "screen": screen, "allergies": finer(view),
            "allergy_kind": _allergy_kind(record) if "allergies" in by_section or not _serves_allergies(record) else "hidden",
            "not_served": [each.title for each in SECTIONS.values() if record.served and each.id not in record.served],
            "allergy_again": _allergy_again(view),
            "nhs_status": NHS_NUMBER_STATUS.get(person.nhs_number_status, "status Not recorded"),
            "flags": banner_flags(person),
            "clinical": _is_clinical(shown, not_yours), "notices": attention(view),
            "decisions": decisions(view), "since": since(view), "medicines": meds.medicines(view),
            "key_results": key_results(view), "problems": problems(view), "matrix": matrix(view),
            "by_organisation": by_organisation, "tally": tally(record),
            "whole_withheld": [each for each in record.withheld if each.section == "*"],
            "reason_words": reason_words(record, fmt), "print": print_words(record, self.session, fmt),
            "origins": origins, "value_of": value_of, "long_plan": long_plan,
            "first_medicines": FIRST_MEDICINES, "first_problems": FIRST_PROBLEMS,
        }  # fmt: skip


def _is_served(part: str, record: Record) -> bool:
    return not record.served or any(each in record.served for each in _ABOUT.get(part, record.served))


def _serves_allergies(record: Record) -> bool:
    return not record.served or "allergies" in record.served


def _is_clinical(shown: Sequence[SectionView], not_yours: Sequence[SectionView]) -> bool:
    """Whether the reader is shown anything clinical. What no source shares is empty for anybody, and tells nothing of a role."""
    return not not_yours or any(each.id in _CLINICAL and (each.answered or each.count or each.incomplete) for each in shown)


def finer(view: View) -> AllergyTitle:
    """The title with its reason in whole sentences: who said what and when, who could not be heard."""
    title, gap = view.record.allergies, together(view.troubled("allergies"), view.fmt, len(view.about("allergies")))
    says = f"{title.says.strip().rstrip('.')}." if title.says.strip() else ""
    heard = sum(sign(said.state).tone in ("held", "empty") for _, said in view.about("allergies"))
    match title.title:
        case "Known allergies":
            updated = f"Updated {view.fmt.date(title.updated)}." if title.updated else ""
            doubt = "Sources contradict each other: see allergies." if view.conflicts("allergies") else ""
            says = " ".join(filter(None, (updated, doubt, f"There may be more: {gap}" if gap else says)))
        case "Allergies unavailable":
            says = " ".join(filter(None, (gap or says, *_not_to_rely_on(view))))
        case "No known allergies":
            when = f", {view.fmt.date(title.updated)}" if title.updated else ""
            stated = says.rstrip(".") or "Stated"
            says = f"{stated}{when}. {_all(heard)} that share{'s' if heard == 1 else ''} allergies answered."
        case _:
            says = says or (f"{_all(heard)} that share{'s' if heard == 1 else ''} allergies answered." if heard else "")
    return replace(title, says=says.strip(), substances=tuple(_substance(each) for each in title.substances))


def _all(count: int) -> str:
    return "The one source" if count == 1 else f"All {count} sources"


def _not_to_rely_on(view: View) -> Iterator[str]:
    """While somebody is silent, what others denied is told with its date, and that it settles nothing."""
    for entry in view.of("allergies"):
        allergy = entry.facts.allergy
        if allergy and allergy.negative == "all" and not entry.mismatch:
            when = f" on {view.fmt.date(entry.facts.at)}" if entry.facts.at else ""
            yield f"{view.mark_of(entry.source).name} said no known allergies{when}; do not rely on it."


def _substance(text: str) -> str:
    """Some codes say the finding, not the substance: under "Known allergies" it would be said twice."""
    return text[11:] if text.lower().startswith("allergy to ") else text


def _allergy_kind(record: Record) -> str:
    return _ALLERGY_KINDS.get(record.allergies.title, "unavailable")


def _allergy_again(view: View) -> SourceState | None:
    """The source to ask again beside the allergy title: the first that shares allergies and could not be seen."""
    silent = ("no answer", "unreadable", "discarded")
    return next((state for state, said in view.troubled("allergies") if said.state in silent), None)


def banner_flags(person: Demographics) -> tuple[tuple[str, str, str], ...]:
    """What must stand beside a name: tone, sign and words."""
    flags = []
    if person.restricted:
        flags.append(("harm", "lock", "Restricted: do not disclose where this person is"))
    if person.multiple_birth not in ("", "false"):
        order = f", born {_ORDINALS.get(person.multiple_birth, person.multiple_birth)}" if person.multiple_birth.isdigit() else ""
        flags.append(("note", "people", f"Twin or other multiple birth{order}: check the given name"))
    if person.test:
        flags.append(("note", "info", "Test patient: not a real person"))
    if person.interpreter:
        flags.append(("note", "info", f"Interpreter: {person.interpreter}"))
    return tuple(flags)


def _missing(record: Record, names: Sequence[str]) -> str:
    """Every name; of many sources, those that were asked by name and the others by number."""
    if len(record.states) <= MANY:
        return joined(names)
    asked = [state.name for state in record.states if trouble(state.state) and sign(state.state).tone != "ask"]
    unasked = [f"{len(names) - len(asked)} sources that were not asked"] if len(names) > len(asked) else []
    return joined([*asked, *unasked])


_UNBROKEN = "\u2011"  # a hyphen at which no line ends: a margin knows no other way to keep a date whole
_ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth"}


def tally(record: Record) -> str:
    """8 answered, 1 did not answer, 1 not asked: the strip below has their names. The numbers add up to all sources."""
    fine = sum(answered(each) for each in record.states)
    found = Counter(counted_as(each) for each in record.states if not answered(each))
    late = sum(each.late and not trouble(each.state) for each in record.states)
    after = f"; {late} joined after the first second" if late else ""
    return ", ".join([f"{fine} answered", *(f"{count} {word}" for word, count in found.items())]) + after


def reason_words(record: Record, fmt: Formatter) -> str:
    reason = record.reason
    if reason.attendance:
        return f" for the attendance of {fmt.clock(reason.attendance.since)} ({reason.attendance.what})"
    words = {
        "direct-care": "direct care", "emergency": "an emergency", "safeguarding": "safeguarding",
        "administration": "administration", "privacy": "privacy",
    }  # fmt: skip
    typed = f": “{reason.text}”" if reason.text else ""
    return f" for {words.get(reason.purpose, reason.purpose)}{typed}"


def print_words(record: Record, session: Session, fmt: Formatter) -> dict[str, str]:
    """What rides in the margins of every printed sheet."""
    person = record.person.demographics
    actor = session.actor
    missing = [state.name for state in record.states if trouble(state.state)]
    fine = sum(answered(state) for state in record.states)
    lacking = f"MISSING OR INCOMPLETE: {_missing(record, missing)}. Not a complete record." if missing else "None missing."
    copies = [state.name for state in record.states if state.kept == "copy"]
    lacking += f" From copies, not live: {named(copies)}." if copies else ""
    who = f"{actor.name}, {actor.role.name}, {actor.role.organisation_name}" if actor else session.name
    named_ones = ", ".join(_substance(each) for each in record.allergies.substances)
    substances = f": {named_ones}" if named_ones else ""
    died, doubted = fmt.died(person), bool(person.death_doubted)
    born = fmt.date(person.birth_date) if died and not doubted else fmt.born(person.birth_date)
    death = f"   {'Death' if doubted else 'Died'}: {died}" if died else ""
    return {
        "identity": f"{fmt.name(person)}   Born {born}{death}",
        "numbers": f"NHS No. {fmt.nhs_number(person.nhs_number)}   {fmt.gender(person.gender)}",
        "allergy": f"{record.allergies.title}{substances}",
        "sources": f"Sources: {fine} of {len(record.states)} answered in full. {lacking}",
        "by": f"Printed for {who}. Record of {fmt.at(record.at).replace('-', _UNBROKEN)}.",
    }
