"""Does an event in XML, of R4 or of STU3 as the national service sends it, become what its JSON would?"""

import json

import pytest
from tests.ingest.hl7v2.world import NHS, SENDER, all_is_well, one, settled, withdrawn
from tests.ingest.test_fhir_messages import VACCINE, event

from carerecord.fhir import xml
from carerecord.fhir.stu3 import elements as stu3
from carerecord.ingest.fhir_messages import MOST_TAGS, mapped, opened
from carerecord.ingest.hl7v2 import Unreadable
from carerecord.ingest.kinds import FHIR_HEAD, fault_in, head_of

NEMS = f"""<?xml version="1.0" encoding="UTF-8"?>
<Bundle xmlns="http://hl7.org/fhir">
 <meta><lastUpdated value="2026-11-22T10:00:00+00:00"/></meta>
 <type value="message"/>
 <entry><fullUrl value="urn:uuid:h"/><resource><MessageHeader>
  <extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1">
   <valueCodeableConcept><coding><code value="{{kind}}"/></coding></valueCodeableConcept></extension>
  <event><system value="https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"/><code value="vaccinations-1"/></event>
  <receiver><reference value="urn:uuid:o"/></receiver>
  <timestamp value="2026-11-22T10:00:00+00:00"/><source><endpoint value="urn:supplier"/></source>
  <focus><reference value="urn:uuid:c"/></focus>
 </MessageHeader></resource></entry>
 <entry><fullUrl value="urn:uuid:c"/><resource><Communication>
  <status value="completed"/><notDone value="false"/><topic><reference value="urn:uuid:i"/></topic>
 </Communication></resource></entry>
 <entry><fullUrl value="urn:uuid:p"/><resource><Patient><id value="p1"/>
  <identifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="{NHS}"/></identifier>
  <name><use value="official"/><family value="Marlow"/><given value="Edith"/></name>
  <gender value="female"/><birthDate value="1948-07-14"/></Patient></resource></entry>
 <entry><fullUrl value="urn:uuid:i"/><resource><Immunization><id value="i1"/>
  <identifier><system value="https://supplier.example/imms"/><value value="77"/></identifier>
  <status value="completed"/><notGiven value="false"/><vaccineCode><text value="MMR vaccine"/></vaccineCode>
  <patient><reference value="urn:uuid:p"/></patient><date value="2026-11-20"/><primarySource value="true"/>
  <practitioner><actor><display value="Dr Nair"/></actor></practitioner>
  <explanation><reason><text value="Routine"/></reason></explanation>
  <vaccinationProtocol><doseSequence value="2"/><targetDisease><text value="Measles"/></targetDisease>
   <doseStatus><text value="counts"/></doseStatus></vaccinationProtocol>
 </Immunization></resource></entry>
</Bundle>"""


def test_an_event_of_stu3_in_xml_is_filed_as_its_json_would_be():
    puts = settled([mapped(NEMS.format(kind="new").encode(), SENDER)])
    all_is_well(puts)

    given = one(puts, "Immunization")
    assert (given["occurrenceDateTime"], given["vaccineCode"]["text"]) == ("2026-11-20", "MMR vaccine")
    assert given["protocolApplied"][0]["doseNumberPositiveInt"] == 2, "a number stays one"
    assert given["reasonCode"] == [{"text": "Routine"}]
    assert one(puts, "Patient")["name"][0]["given"] == ["Edith"], "what may come twice is a list"


def test_what_an_event_in_xml_deletes_is_withdrawn():
    new, gone = (mapped(NEMS.format(kind=kind).encode(), SENDER) for kind in ("new", "delete"))

    assert list(withdrawn(settled([new, gone])).values()).count("deleted by its sender") == 1


def test_an_event_of_r4_in_xml_is_what_it_is_in_json():
    in_json = event(VACCINE)
    in_xml = xml.written(in_json, xml.load())

    assert settled([mapped(in_xml, SENDER)]) == settled([mapped(in_json, SENDER)])
    assert (head_of(in_xml), fault_in(in_xml)) == (FHIR_HEAD, "")


@pytest.mark.parametrize(
    ("raw", "because"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><Bundle xmlns='http://hl7.org/fhir'/>", "document type"),
        (b"<Bundle xmlns='http://hl7.org/fhir'><type", "not well-formed"),
        (b"<html/>", "outside FHIR's namespace"),
        (b"<Patient xmlns='http://hl7.org/fhir'/>", "no Bundle"),
        (b"<Bundle xmlns='http://hl7.org/fhir'>" + b"<total value='1'/>" * (MOST_TAGS + 1) + b"</Bundle>", "send it in JSON"),
    ],
)
def test_xml_that_is_no_event_waits_with_a_reason_that_a_person_understands(raw: bytes, because: str):
    with pytest.raises(Unreadable, match=because):
        opened(raw)
    assert because.lower() in fault_in(raw).lower()


def test_an_element_means_in_stu3_what_the_converter_takes_it_for():
    found = stu3.elements()
    plain = {"string", "number", "boolean", "xhtml", "ResourceList"}
    assert not [each for told in found.values() for each in told.values() if each.kind not in plain | found.keys()]
    assert not found["Observation"]["interpretation"].many, "in R4 there may be several"
    assert json.dumps(sorted(found["ReferralRequest"])).count("recipient") == 1
