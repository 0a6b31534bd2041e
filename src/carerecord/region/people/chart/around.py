"""What is written down of the life and the people around a person, and of what other systems sent?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from carerecord.region.organisations import ORGANISATION_BY_ODS
from carerecord.region.people.chart.frame import HL7, UK_CORE, By, Frame, When, coded, instant, said
from carerecord.region.people.codes import SNOMED
from carerecord.region.shapes import FhirJson


class Around(Frame):
    def relative(self, name: tuple[str, str], relation: tuple[str, str], phone: str, *, when: When,
                 roles: Sequence[str] = ()) -> str:  # fmt: skip
        """`relation` is (HL7 v3 role code, words): ("DAUC", "daughter")."""
        given, family = name
        relations: list[FhirJson] = [
            {"coding": [coded(HL7 + "v3-RoleCode", relation[0], relation[1])], "text": relation[1]}]  # fmt: skip
        relations += [{"text": role} for role in roles]
        body: FhirJson = {
            "active": True,
            "patient": self.me,
            "relationship": relations,
            "name": [{"use": "official", "text": f"{given} {family}", "family": family, "given": [given]}],
            "telecom": [{"system": "phone", "value": phone, "use": "mobile"}],
        }
        return self.add("RelatedPerson", when, body)

    def team(self, name: str, members: Sequence[By], when: When) -> str:
        """The professionals, each contained with a telephone number."""
        contained: list[FhirJson] = []
        participants: list[FhirJson] = []
        for place, member in enumerate(members, 1):
            practitioner: FhirJson = {"resourceType": "Practitioner", "id": f"p{place}", "name": [{"text": member.name}]}
            if member.phone:
                practitioner["telecom"] = [{"system": "phone", "value": member.phone, "use": "work"}]
            contained.append(practitioner)
            participants.append({"role": [{"text": member.job}],
                                 "member": {"reference": f"#p{place}", "display": member.name}})  # fmt: skip
        body: FhirJson = {
            "contained": contained,
            "status": "active",
            "name": name,
            "subject": self.me,
            "period": {"start": said(when)},
            "participant": participants,
            "managingOrganization": [self.organisation],
            "telecom": [{"system": "phone", "value": ORGANISATION_BY_ODS[self.system.ods].bypass_phone, "use": "work"}],
        }
        return self.add("CareTeam", when, body)

    def listing(self, code: str, title: str, warning: str | None = None, entries: Sequence[str] = ()) -> str:
        """A GP list, as GP Connect sends it, with its warning ("data-in-transit", "data-awaiting-filing")."""
        body: FhirJson = {
            "status": "current",
            "mode": "snapshot",
            "title": title,
            "code": {"coding": [coded(SNOMED, code, title)], "text": title},
            "subject": self.me,
            "date": instant(self.now),
            "source": self.organisation,
        }
        if warning:
            body["extension"] = [{"url": f"{UK_CORE}Extension-UKCore-ListWarningCode", "valueCode": warning}]
            words = {"data-in-transit": "Data in transit: the transfer from the former practice is not finished.",
                     "data-awaiting-filing": "Data awaiting filing."}  # fmt: skip
            body["note"] = [{"text": words[warning]}]
        if entries:
            body["entry"] = [{"item": {"reference": reference}} for reference in entries]
        else:
            body["emptyReason"] = {"coding": [coded(HL7 + "list-empty-reason", "notstarted", "Not Started")]
                                   if warning == "data-in-transit" else
                                   [coded("https://fhir.hl7.org.uk/CodeSystem/UKCore-ListEmptyReason",
                                          "no-content-recorded", "No Content Recorded")],
                                   "text": "No content recorded"}  # fmt: skip
        return self.add("List", self.now, body)

    def echo(self, sent: FhirJson) -> str:
        """File a copy of what another system sent: same business identifier, own id and subject."""
        body = {key: value for key, value in sent.items() if key not in ("resourceType", "id", "meta")}
        body["subject"] = self.me
        when = datetime.fromisoformat(sent["meta"]["lastUpdated"])
        return self.add(sent["resourceType"], when, body)
