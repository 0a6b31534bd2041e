"""What does a source's Patient say, in the index's words?"""

from carerecord.contracts.patients import Demographics, Identifier, Name, SourcePatient
from carerecord.fhir.person import PersonFacts, PersonName

_INTERPRETER = {"needed": "needed", "not needed": ""}


def stated(source: str, facts: PersonFacts) -> SourcePatient:
    """Everything by which a person is known there; nothing else of the resource."""
    return SourcePatient(
        source=source,
        local_id=facts.id,
        identifiers=tuple(Identifier(each.system, each.value) for each in facts.identifiers if not each.ends),
        demographics=demographics(facts),
        version=facts.version,
    )


def demographics(facts: PersonFacts) -> Demographics:
    names = [_name(name) for name in facts.names]
    if facts.preferred:
        names.append(Name("", (facts.preferred,), use="nickname"))
    here = facts.addresses[0] if facts.addresses else None
    return Demographics(
        names=tuple(names),
        birth_date=facts.birth_date,
        gender=facts.gender,
        nhs_number=facts.nhs_number,
        nhs_number_status=facts.nhs_number_status,
        address=", ".join(here.lines) if here else "",
        postcode=facts.postcode,
        phone=facts.phones[0].number if facts.phones else "",
        gp=facts.practice.ods,
        gp_name=facts.practice.name,
        deceased=facts.deceased,
        death_doubted="taken back" if facts.death_taken_back else "",
        multiple_birth=facts.multiple_birth,
        restricted=facts.restricted,
        test=facts.test,
        interpreter=_INTERPRETER.get(facts.interpreter, ""),
    )


def _name(name: PersonName) -> Name:
    """A name that is only text is taken for given names and, last, the family name."""
    if name.family or name.given:
        return Name(name.family, name.given, name.prefix, name.use or "official")
    *given, family = name.text.split() or [""]
    return Name(family, tuple(given), name.prefix, name.use or "official")
