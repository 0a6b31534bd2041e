"""Who is a message about? PID, PD1, NK1 as facts of a Patient, and under which number the sender knows them."""

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from carerecord.contracts.patients import Demographics, Identifier, SourcePatient
from carerecord.fhir.identifiers import NHS_NUMBER, NHS_NUMBER_STATUS, nhs_number
from carerecord.ingest.hl7v2 import systems, values
from carerecord.ingest.hl7v2.ids import patient_id
from carerecord.ingest.hl7v2.parse import Part, Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.shapes import Sender, Unreadable

UK_CORE: Final = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
_STATUS_SYSTEM: Final = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
_ETHNIC_SYSTEM: Final = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland"
_HL7: Final = "http://hl7.org/fhir/StructureDefinition/"
GENDERS: Final = {"M": "male", "F": "female", "U": "unknown", "O": "other", "A": "other", "N": "other", "1": "male",
                   "2": "female", "9": "other",
                   "X": "unknown", "0": "unknown", "I": "other", "MALE": "male", "FEMALE": "female"}  # fmt: skip
_ETHNIC: Final = frozenset("ABCDEFGHJKLMNPRSZ")
_MARITAL: Final = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
_MARRIED: Final = {"M": "M", "S": "S", "D": "D", "W": "W", "A": "L", "P": "T", "T": "T", "B": "U", "N": "M", "C": "M"}
# Numbers of visits, accounts and documents are no number of a person.
_NOT_A_PERSONS: Final = frozenset(("VN", "AN", "ANON", "PN", "BA", "EI", "DL", "SS", "PPN", "NI", "MA", "MC"))
_STOPGAP: Final = "NOT AN NHS NUMBER"
_OF_A_RECORD: Final = frozenset(("MR", "MRN", "PI", "PT", "HN", ""))
_COUNT: Final = re.compile(r"[1-9]\Z")
_NOTHING: Final = Demographics()
_YES: Final = frozenset(("Y", "YES", "1", "TRUE", "D"))
_NO: Final = frozenset(("N", "NO", "0", "FALSE"))


class Subject(Struct, frozen=True):
    """One person as a message names them."""

    local_id: str
    patient: str  # the id of the Patient resource
    facts: dict[str, Any]  # what the message says, by element; None = taken away
    identifiers: tuple[Resource, ...]
    source_patient: SourcePatient

    @property
    def thread(self) -> str:
        return f"Patient/{self.patient}"

    @property
    def reference(self) -> Resource:
        return {"reference": self.thread}


def subject(reading: Reading, pid: Segment, others: list[Segment]) -> Subject:
    """The person of a PID; `others` are the PD1 and NK1 that follow it.

    Raises:
        Unreadable: no field of it holds a number by which its sender knows somebody.
    """
    of_pid = reading.once(pid.line, lambda: _of_pid(reading, pid))
    if not others:
        return of_pid
    facts = dict(of_pid.facts)
    for each in others:
        if each.name == "PD1":
            _practice(reading, each, facts)
    _contacts(reading, [each for each in others if each.name == "NK1"], facts)
    return replace(of_pid, facts=facts)


def _of_pid(reading: Reading, pid: Segment) -> Subject:
    identifiers = _identifiers(reading, pid)
    facts = _of_numbers(identifiers)
    _names(pid, facts)
    _demographics(reading, pid, facts)
    _where(reading, pid, facts)
    return _named(reading, identifiers, facts, f"{pid.name} (segment {pid.number})")


def numbered(reading: Reading, segment: Segment, fields: tuple[int, ...]) -> Subject:
    """The person whom an MRG names by numbers alone, and by their old name."""
    found = [each for field in fields for part in segment.parts(field) if (each := _number(reading, part, ""))]
    facts = _of_numbers(tuple(found))
    names = [made for part in segment.parts(7) if (made := values.name(part))]
    if names:
        facts["?name"] = names
    return _named(reading, tuple(found), facts, f"{segment.name} (segment {segment.number})")


def _named(reading: Reading, identifiers: tuple[Resource, ...], facts: dict[str, Any], where: str) -> Subject:
    local_id = known_by(reading.sender, identifiers)
    if not local_id:
        but = ", but for an NHS number that is nobody's" if any(_type(each) == _STOPGAP for each in identifiers) else ""
        raise Unreadable(f"{where} holds no number by which its sender knows anybody{but}")
    id_ = patient_id(reading.sender, local_id)
    return Subject(local_id, id_, facts, identifiers, _by_numbers(reading, local_id, identifiers))


def _by_numbers(reading: Reading, local_id: str, identifiers: tuple[Resource, ...]) -> SourcePatient:
    """Whose message it is, by number. What else is known of them is told by the Patient that stands (`standing.enrolled`)."""
    numbers = _nhs_numbers(reading, identifiers)
    traced = numbers[0].get("extension") if numbers else None
    status = traced[0]["valueCodeableConcept"]["coding"][0]["code"] if traced else "02"
    known = Demographics(nhs_number=numbers[0]["value"], nhs_number_status=status) if numbers else _NOTHING
    return SourcePatient(
        reading.sender.source, local_id, tuple(Identifier(each["system"], each["value"]) for each in identifiers), known
    )


def believed_less(facts: dict[str, Any]) -> dict[str, Any]:
    """What a message says in passing: a laboratory copies what it once was told. It counts where nobody else has spoken."""
    return {
        key if key[:1] in "+?" else f"?{key}": value
        for key, value in facts.items()
        if value is not None and key[:1] != "@" and key != "deceased"
    }


def laid_out(facts: dict[str, Any]) -> Resource:
    """Facts that stand in extensions or in one of several elements, where FHIR wants them."""
    plain = {key: value for key, value in facts.items() if ":" not in key and "/" not in key and value is not None}
    out = {key: value for key, value in plain.items() if key != "deceased"}
    telecom = [each for use in ("home", "work") for each in facts.get(f"telecom:{use}") or ()]
    if telecom:
        out["telecom"] = telecom
    extensions = [value for key, value in sorted(facts.items()) if key.startswith("ext:") and value is not None]
    if extensions:
        out["extension"] = extensions
    died = facts.get("deceased")
    if type(died) is str:
        out["deceasedDateTime"] = died
    elif died is True:
        out["deceasedBoolean"] = True
    return out


def _nhs_numbers(reading: Reading, identifiers: Iterable[Resource]) -> list[Resource]:
    return [each for each in identifiers if values.is_nhs_system(each) and reading.is_somebodys(each["value"])]


def known_by(sender: Sender, identifiers: tuple[Resource, ...]) -> str:
    """The number that its sender keeps the person under; with its register, where that is not the sender's own."""
    own = systems.number_system(sender, "")

    def rank(each: Resource) -> tuple[int, int]:
        type_ = _type(each)
        return (0 if each["system"] == own else 1, 0 if type_ in _OF_A_RECORD and type_ != "" else 1)

    local = [each for each in identifiers if not values.is_nhs_system(each) and "period" not in each]
    records = [each for each in local if _type(each) not in (*_NOT_A_PERSONS, _STOPGAP)]
    if records:
        best = min(records, key=rank)
        return str(best["value"]) if best["system"] == own else f"{best['system']}|{best['value']}"
    numbers = [each for each in identifiers if values.is_nhs_system(each) and systems.is_somebodys(each["value"])]
    return f"nhs|{numbers[0]['value']}" if numbers else ""


def _type(each: Resource) -> str:
    type_ = each.get("type") or {}
    return str(type_["coding"][0]["code"] if "coding" in type_ else type_.get("text", "")).upper()


def _identifiers(reading: Reading, pid: Segment) -> tuple[Resource, ...]:
    status_part = pid.part(32)
    status = _status(status_part) if status_part is not None else ""
    found: dict[tuple[str, str], Resource] = {}
    told: set[str] = set()
    for field in (3, 2, 4):
        for part in pid.parts(field):
            if part.raw in told and reading.at_hand is not None:
                continue  # as most senders do: what they say in one field they say in the other
            told.add(part.raw)
            made = _number(reading, part, status)
            if made:
                found.setdefault((made["system"], made["value"]), made)
    numbers = _nhs_numbers(reading, found.values())
    if len(numbers) > 1:
        reading.note("PID-3 holds two NHS numbers that differ: neither counts as verified")
        for each in numbers:
            each["extension"] = [verification("05")]
    return tuple(found.values())


def _of_numbers(identifiers: tuple[Resource, ...]) -> dict[str, Any]:
    """Each number by itself, and apart from it how far it is traced: a message that does not say takes no verification away."""
    facts: dict[str, Any] = {}
    for each in identifiers:
        facts[f"+identifier/{each['system']}|{each['value']}"] = {key: value for key, value in each.items() if key != "extension"}
        if "extension" in each:
            facts[f"traced/{each['value']}"] = each["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
    return facts


def _status(part: Part) -> str:
    said = part[1].upper().removeprefix("NSTS")
    return said if said in NHS_NUMBER_STATUS else ""


def verification(status: str) -> Resource:
    coding = {"system": _STATUS_SYSTEM, "code": status, "display": NHS_NUMBER_STATUS[status]}
    return {"url": f"{UK_CORE}NHSNumberVerificationStatus", "valueCodeableConcept": {"coding": [coding]}}


def _number(reading: Reading, part: Part, status: str) -> Resource:
    if not (said := part[1]):
        return {}
    if not systems.is_nhs(reading.sender, said, part[4], part.sub(4, 2), part[5]):
        return values.identifier(reading, part)
    if not reading.is_somebodys(said):
        reading.note("an NHS number is nobody's: it is kept, and nobody is matched by it")
        return {"system": systems.local("number", reading.sender, "stopgap"), "value": said, "type": {"text": _STOPGAP}}
    made: Resource = {"system": NHS_NUMBER, "value": nhs_number(said)}
    if status:
        made["extension"] = [verification(status)]
    return made


def _names(pid: Segment, facts: dict[str, Any]) -> None:
    names = [made for field in (5, 9) for part in pid.parts(field) if (made := values.name(part))]
    if names:
        facts["name"] = names
    elif pid.deletes(5):
        facts["name"] = None
    mother = pid.part(6)
    if mother is not None and not mother.empty and (made := values.name(mother)):
        parts = (*made.get("prefix", ()), *made.get("given", ()), made.get("family", ""), *made.get("suffix", ()))
        said = " ".join(filter(None, parts))
        facts["ext:mothersMaidenName"] = {"url": f"{_HL7}patient-mothersMaidenName", "valueString": said}
    elif pid.deletes(6):
        facts["ext:mothersMaidenName"] = None


def _demographics(reading: Reading, pid: Segment, facts: dict[str, Any]) -> None:
    if born := reading.date(pid, 7):
        facts["birthDate"] = born
    elif pid.deletes(7):
        facts["birthDate"] = None
    if sex := pid.text(8):
        facts["gender"] = GENDERS.get(sex.upper(), "unknown")
        if sex.upper() not in GENDERS:
            reading.note("PID-8 is no sex that is known here")
    elif pid.deletes(8):
        facts["gender"] = None
    _concepts(reading, pid, facts)
    if _COUNT.match(order := pid.text(25)):
        facts["multipleBirthInteger"], facts["multipleBirthBoolean"] = int(order), None
    elif pid.text(24).upper() in _YES | _NO:
        facts["multipleBirthBoolean"], facts["multipleBirthInteger"] = pid.text(24).upper() in _YES, None
    elif pid.deletes(24) or pid.deletes(25):
        facts["multipleBirthBoolean"] = facts["multipleBirthInteger"] = None
    if pid.text(23):
        facts["ext:birthPlace"] = {"url": f"{_HL7}patient-birthPlace", "valueAddress": {"text": pid.text(23)}}
    elif pid.deletes(23):
        facts["ext:birthPlace"] = None
    _death(reading, pid, facts)


def _concepts(reading: Reading, pid: Segment, facts: dict[str, Any]) -> None:
    for field in (22, 10):
        made = values.concept(reading, pid.part(field)) if "ext:EthnicCategory" not in facts else {}
        if not made:
            continue
        if "coding" in made:
            own = {"system": _ETHNIC_SYSTEM}  # of the codes that are in it: many a sender has others, and names no system
            made = {**made, "coding": [{**(own if each["code"] in _ETHNIC else {}), **each} for each in made["coding"]]}
        facts["ext:EthnicCategory"] = {"url": f"{UK_CORE}EthnicCategory", "valueCodeableConcept": made}
    if "ext:EthnicCategory" not in facts and (pid.deletes(22) or pid.deletes(10)):
        facts["ext:EthnicCategory"] = None
    if married := values.concept(reading, pid.part(16)):
        facts["maritalStatus"] = _with_status(married)
    elif pid.deletes(16):
        facts["maritalStatus"] = None
    if language := values.concept(reading, pid.part(15)):
        facts["communication"] = [{"language": language, "preferred": True}]
    elif pid.deletes(15):
        facts["communication"] = None
    if religion := values.concept(reading, pid.part(17)):
        facts["ext:religion"] = {"url": f"{_HL7}patient-religion", "valueCodeableConcept": religion}
    elif pid.deletes(17):
        facts["ext:religion"] = None


def _with_status(married: Resource) -> Resource:
    """HL7's own letters for it as FHIR's."""
    coding = []
    for each in married.get("coding", ()):
        own = each["code"] in _MARRIED and "system" not in each
        coding.append({**each, "system": _MARITAL, "code": _MARRIED[each["code"]]} if own else each)
    return {**married, "coding": coding} if coding else married


def _death(reading: Reading, pid: Segment, facts: dict[str, Any]) -> None:
    """A death that is said, and one that is taken back. Empty fields say nothing of it."""
    when, indicator = reading.time(pid, 29), pid.text(30).upper()
    if indicator in _NO or (pid.deletes(29) and indicator not in _YES) or (pid.deletes(30) and not when):
        facts["deceased"] = False
    elif when:
        facts["deceased"] = when
    elif indicator in _YES:
        facts["deceased"] = True
    if "deceased" in facts:
        facts[f"@death/{facts['deceased']}"] = facts["deceased"]


def _where(reading: Reading, pid: Segment, facts: dict[str, Any]) -> None:
    addresses = [made for part in pid.parts(11) if (made := values.address(reading, part))]
    if addresses:
        facts["address"] = addresses
    elif pid.deletes(11):
        facts["address"] = None
    for field, use in ((13, "home"), (14, "work")):
        found = [each for part in pid.parts(field) for each in values.telephone(part, use)]
        if found:
            facts[f"telecom:{use}"] = found
        elif pid.deletes(field):
            facts[f"telecom:{use}"] = None


def _practice(reading: Reading, pd1: Segment, facts: dict[str, Any]) -> None:
    said: list[Resource] = []
    if practice := values.organisation(reading, pd1.part(3)):
        said.append(practice)
    said += values.clinicians(reading, pd1, 4)
    if said:
        facts["generalPractitioner"] = said
    elif pd1.deletes(3) or pd1.deletes(4):
        facts["generalPractitioner"] = None


def _contacts(reading: Reading, kin: list[Segment], facts: dict[str, Any]) -> None:
    """Next of kin, all that are said: a message that names some names all of them."""
    found = []
    for nk1 in kin:
        made: Resource = {}
        told = ((3, "0063"), (7, "0131"))
        relationship = [each for field, number in told if (each := values.table(reading, nk1.part(field), number))]
        if relationship:
            made["relationship"] = relationship
        name = nk1.part(2)
        if name is not None and (named := values.name(name)):
            made["name"] = named
        telecom = [each for part in nk1.parts(5) for each in values.telephone(part, "home")]
        telecom += [each for part in nk1.parts(6) for each in values.telephone(part, "work")]
        if telecom:
            made["telecom"] = telecom
        home = nk1.part(4)
        if home is not None and (address := values.address(reading, home)):
            made["address"] = address
        organisation = nk1.part(13)
        if organisation is not None and (employer := values.organisation(reading, organisation)):
            made["organization"] = employer
        if made.keys() & {"name", "telecom", "address", "organization"}:
            found.append(made)
    if found:
        facts["contact"] = found
    elif any(each.deletes(2) for each in kin):
        facts["contact"] = None
