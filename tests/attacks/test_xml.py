"""What becomes of XML that is made to hurt?"""

import io
import time

from tests.attacks.conftest import PLANTED_NAME, kept, patient, refused
from tests.exchange.conftest import Api

XML = "application/fhir+xml"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
NS = 'xmlns="http://hl7.org/fhir"'
HURTFUL = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "{PLANTED_NAME}">{LAUGHS}]><Patient {NS}><id value="&l9;"/></Patient>',
    "a file": f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><Patient {NS}><id value="x"/>&f;</Patient>',
    "an address": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><Patient xmlns="http://hl7.org/fhir"/>',
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]><Patient xmlns="http://hl7.org/fhir"/>',
    "an empty document type": '<!DOCTYPE Patient><Patient xmlns="http://hl7.org/fhir"/>',
    "an unknown entity": '<Patient xmlns="http://hl7.org/fhir"><gender value="&nothing;"/></Patient>',
    "too deep": '<Patient xmlns="http://hl7.org/fhir">' + "<contact>" * 10_000 + "</contact>" * 10_000 + "</Patient>",
    "no namespace": f'<Patient><name><family value="{PLANTED_NAME}"/></name></Patient>',
    "another namespace": f'<Patient xmlns="urn:x"><name><family value="{PLANTED_NAME}"/></name></Patient>',
    "an element that FHIR does not know": f'<Patient xmlns="http://hl7.org/fhir"><{PLANTED_NAME} value="1"/></Patient>',
    "text between": f'<Patient xmlns="http://hl7.org/fhir">{PLANTED_NAME}</Patient>',
    "cut short": f'<Patient xmlns="http://hl7.org/fhir"><name><family value="{PLANTED_NAME}"/>',
    "an inclusion": f'<Patient {NS} xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="file:///etc/hostname"/></Patient>',
    "a surrogate": '<Patient xmlns="http://hl7.org/fhir"><gender value="&#xD800;"/></Patient>',
    "a null": '<Patient xmlns="http://hl7.org/fhir"><gender value="&#0;"/></Patient>',
    "an attribute twice": '<Patient xmlns="http://hl7.org/fhir"><gender value="male" value="female"/></Patient>',
    "an element twice": '<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><gender value="female"/></Patient>',
    "nothing": "",
}  # fmt: skip


async def test_xml_that_is_made_to_hurt_is_refused_at_once_and_fetches_nothing(api: Api, log: io.StringIO) -> None:
    """Case 48."""
    await kept(api, patient("p1"))
    for case, body in HURTFUL.items():
        begun = time.process_time()
        answer = await api.ask("POST", "/Patient", body, Content_Type=XML)
        assert answer.status in (400, 422), (case, answer.status, answer.body[:200])
        refused(answer, 400, 422)
        assert time.process_time() - begun < 1, case  # 100 ms
    assert (await api.ask("GET", f"/Patient?family={PLANTED_NAME}")).json["total"] == 0
    assert PLANTED_NAME not in log.getvalue()
