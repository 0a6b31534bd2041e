"""What has this person said about sharing? Read, written down for them, and withdrawn, by those whom they told."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from carerecord.contracts.consent import OBJECT, OBJECTIONS, WITHDRAW, ObjectAsked, Objection, ObjectionsAsked, WithdrawAsked
from carerecord.contracts.patients import Person
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAsked
from carerecord.fhir.identifiers import NHS_NUMBER_STATUS
from carerecord.fhir.sections import ALL, SECTIONS
from carerecord.kit.errors import NotFound, NotUnderstood, Unavailable
from carerecord.viewer.opening import patient_of, who
from carerecord.viewer.record_page import banner_flags
from carerecord.viewer.visit import Visit

WHOLE = "*"
# No objection hides what protects somebody: consent refuses one, and policy obeys none.
_MAY_BE_HIDDEN = tuple(each for each in ALL if each.id != "safeguarding")
_DONE = {
    "made": "It is written down, and in force from the next opening.",
    "withdrawn": "It is withdrawn, from the next opening.",
}


@dataclass(frozen=True)
class Names:
    """What sources and organisations are called: by the registry, or by their ids while it does not answer."""

    sources: Mapping[str, str]
    organisations: Mapping[str, str]

    def source(self, id_: str) -> str:
        return self.sources.get(id_, id_)

    def organisation(self, ods: str) -> str:
        return self.organisations.get(ods, ods)


@dataclass(frozen=True)
class Said:
    """One objection in force, in words."""

    objection: Objection
    what: str
    held_by: str
    not_by: str


async def sharing(visit: Visit) -> Response:
    """The list; what a new objection would do; the objection; its withdrawal."""
    await visit.must("objections-read")
    patient = patient_of(visit)
    person = await who(visit, patient)
    if visit.request.method != "POST":
        return await _page(visit, person)
    await visit.must("objections-write")
    do = visit.sent("do")
    if do == "withdraw":
        return await _withdraw(visit, person)
    wanted = Objection("", person.patient, visit.sent("section"), visit.sent("source"), visit.sent("organisation"))
    if do not in ("check", "object"):
        raise NotUnderstood("Nothing that this page can do was asked.")
    if faults := _faults(wanted, await _names(visit)):
        return await _page(visit, person, wanted=wanted, faults=faults)
    if do == "check":
        return await _page(visit, person, wanted=wanted, checked=True)
    asked = ObjectAsked(visit.actor, person.patient, wanted.section, wanted.source, wanted.organisation)
    await visit.face.calls.ask(OBJECT, asked)
    return visit.go(f"/patients/{person.patient}/sharing?done=made")


async def _withdraw(visit: Visit, person: Person) -> Response:
    """Only what this person has said: the id of somebody else's objection is the id of none."""
    objection = visit.sent("objection")
    in_force = await visit.face.calls.ask(OBJECTIONS, ObjectionsAsked(person.ids))
    if objection not in {each.id for each in in_force}:
        raise NotFound("There is no such objection in force.")
    await visit.face.calls.ask(WITHDRAW, WithdrawAsked(visit.actor, objection))
    return visit.go(f"/patients/{person.patient}/sharing?done=withdrawn")


async def _page(
    visit: Visit,
    person: Person,
    *,
    wanted: Objection | None = None,
    checked: bool = False,
    faults: tuple[tuple[str, str], ...] = (),
) -> Response:
    names = await _names(visit)
    in_force = await visit.face.calls.ask(OBJECTIONS, ObjectionsAsked(person.ids, visit.actor))
    demographics = person.demographics
    words = visit.face.env.get_template("record/allergy.html").render(allergy_kind="elsewhere")
    allergy = Markup(words)  # noqa: S704 - a template that escapes what it is given
    return visit.page(
        "sharing.html", 422 if faults else 200, person=demographics, patient=person.patient,
        nhs_status=NHS_NUMBER_STATUS.get(demographics.nhs_number_status, "status Not recorded"),
        flags=banner_flags(demographics), allergy_kind="elsewhere", parts={"allergy": allergy},
        said=tuple(_said(each, names) for each in in_force),
        may_write=await visit.may("objections-write"), names=names, all_sections=_MAY_BE_HIDDEN,
        wanted=wanted or Objection("", "", ""),
        effect=_effect(wanted, names) if wanted and checked else (), faults=faults,
        done=_DONE.get(visit.request.query_params.get("done", ""), ""),
    )  # fmt: skip


def _faults(wanted: Objection, names: Names) -> tuple[tuple[str, str], ...]:
    faults = []
    if wanted.section not in (*(each.id for each in _MAY_BE_HIDDEN), WHOLE):
        faults.append(("section", "Choose what is not to be shown"))
    if wanted.source and wanted.source not in names.sources:
        faults.append(("source", "Choose a source of this region"))
    if wanted.organisation and wanted.organisation not in names.organisations:
        faults.append(("organisation", "Choose an organisation of this region"))
    return tuple(faults)


def _said(objection: Objection, names: Names) -> Said:
    return Said(
        objection,
        _title(objection.section),
        names.source(objection.source) if objection.source else "Every source",
        f"Nobody at {names.organisation(objection.organisation)}" if objection.organisation else "Nobody",
    )


def _effect(wanted: Objection, names: Names) -> tuple[str, ...]:
    """What will happen, in plain words, before anything has: each a sentence."""
    nobody = f"Nobody at {names.organisation(wanted.organisation)}" if wanted.organisation else "Nobody"
    what = "anything of this record" if wanted.section == WHOLE else f"“{_title(wanted.section)}”"
    held_by = f" as {names.source(wanted.source)} holds it" if wanted.source else ", whoever holds it"
    sentences = [
        f"{nobody} will be shown {what}{held_by}; an emergency does not lift it yet.",
        "It is not fetched either. Those who would otherwise see it are told that something is withheld, not what.",
    ]
    if wanted.organisation:
        sentences.append("Every other organisation is shown it as before.")
    if wanted.section in ("allergies", WHOLE):
        sentences.append("Where no allergy is known from elsewhere, the banner will say “Allergies unavailable”.")
    if wanted.section == WHOLE:
        sentences.append("What keeps a child or an adult at risk safe is still shown to those who may see it.")
    if wanted.section in ("demographics", WHOLE):
        sentences.append("Name, birth date and NHS number stay on the banner, so that nobody is taken for somebody else.")
    if wanted.section != WHOLE:
        sentences.append("Letters and other sections may still speak of it: each is hidden by an objection of its own.")
    return tuple(sentences)


def _title(section: str) -> str:
    return "The whole record" if section == WHOLE else SECTIONS[section].title if section in SECTIONS else section


async def _names(visit: Visit) -> Names:
    try:
        registry = (await visit.face.calls.ask(REGISTRY, RegistryAsked())).registry or Registry("", ())
    except Unavailable:
        registry = Registry("", ())
    taking_part = (each for each in registry.sources if each.connector != "pds" and not each.retired)
    sources = sorted(taking_part, key=lambda each: each.name)
    own = {visit.actor.organisation: visit.actor.role.organisation_name}
    organisations = own | {each.organisation: each.organisation_name for each in sources}
    return Names({each.id: each.name for each in sources}, dict(sorted(organisations.items(), key=lambda each: each[1])))
