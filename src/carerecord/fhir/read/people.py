"""Who can be telephoned about this person: family, carers, professionals, teams, organisations?"""

from typing import Any

from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Contact
from carerecord.fhir.read.words import Around, Resource, name_of, person_name, phones_of, said_of, title_of


def read_contacts(resource: Resource, type_: str, beside: Around) -> tuple[tuple[Contact, ...], str]:
    """Everyone that the resource names, the one to ask first in front; and its title.

    Raises:
        Unreadable: it names nobody.
    """
    if type_ == "CareTeam":
        return _team(resource, beside)
    if type_ == "PractitionerRole":
        return _one(_role_holder(resource, beside))
    name = name_of(resource) or title_of(resource.get("relationship"))
    if type_ == "RelatedPerson":
        return _one(Contact(name, _roles(resource.get("relationship")), "", phones_of(resource), False))
    role = title_of([dict_in(each, "code") for each in dicts_in(resource, "qualification")]) if type_ == "Practitioner" else ""
    organisation = name if type_ in ("Organization", "HealthcareService") else ""
    return _one(Contact(name, role or title_of(resource.get("type")), organisation, phones_of(resource)))


def contacts_of_patient(patient: Resource) -> tuple[Contact, ...]:
    """Patient.contact: next of kin and the like, as one source holds them."""
    found = []
    for each in dicts_in(patient, "contact"):
        name = person_name(dict_in(each, "name")) or text_in(dict_in(each, "organization"), "display")
        role = _roles(each.get("relationship"))
        if name or role:
            organisation = text_in(dict_in(each, "organization"), "display")
            found.append(Contact(name or role, role, organisation, phones_of(each), False))
    return tuple(found)


def _one(contact: Contact) -> tuple[tuple[Contact, ...], str]:
    if not contact.name:
        raise Unreadable("it names nobody")
    return (contact,), contact.name


def _team(resource: Resource, beside: Around) -> tuple[tuple[Contact, ...], str]:
    title = text_in(resource, "name") or title_of(resource.get("category")) or "Care team"
    organisation = said_of(resource.get("managingOrganization"), beside)
    found = []
    for each in dicts_in(resource, "participant"):
        member = dict_in(each, "member")
        behind = beside.find(member)
        if behind.get("resourceType") == "PractitionerRole":
            contact = _role_holder(dict(behind), beside)
        else:
            is_person = behind.get("resourceType") in ("RelatedPerson", "Patient")
            is_person = is_person or text_in(member, "reference").startswith(("RelatedPerson/", "Patient/"))
            contact = Contact(said_of(member, beside), "", organisation, phones_of(behind), not is_person)
        if text_in(member, "reference").startswith("Patient/"):
            continue  # the person is not their own contact
        role = _roles(each.get("role")) or contact.role
        name = contact.name or said_of(member, beside) or role
        if name:
            found.append(Contact(name, role, contact.organisation or said_of(each.get("onBehalfOf"), beside) or organisation,
                                 contact.phones, contact.professional))  # fmt: skip
    own = phones_of(resource)
    if own or not found:
        found.append(Contact(title, "team", organisation, own))
    return tuple(found), title


def _role_holder(resource: Resource, beside: Around) -> Contact:
    practitioner = dict_in(resource, "practitioner")
    who = beside.find(practitioner)
    organisation = said_of(resource.get("organization"), beside)
    role = _roles(resource.get("code")) or title_of(resource.get("specialty"))
    name = said_of(practitioner, beside) or name_of(who) or role
    return Contact(name, role, organisation, phones_of(resource) or phones_of(who))


def _roles(concepts: Any) -> str:
    """Every role that is named: "daughter, next of kin"."""
    listed = concepts if isinstance(concepts, list) else [concepts]
    return ", ".join(dict.fromkeys(title for each in listed if (title := title_of(each))))
