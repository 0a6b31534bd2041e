"""In which forms may a client speak, and what is refused before it is read?"""

import gzip
import json
from xml.etree import ElementTree

import aiohttp
import pytest
from tests.exchange.conftest import Api

from carerecord.exchange.formats import in_lines

XML = "application/fhir+xml"
OBSERVATION = (
    '<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="K &amp; Na"/></code>'
    '<valueQuantity><value value="1.10"/></valueQuantity></Observation>'
)


async def test_xml_goes_in_and_out_with_its_digits(api: Api) -> None:
    made = await api.ask("POST", "/Observation", OBSERVATION, Content_Type=XML, Accept=XML)
    root = ElementTree.fromstring(made.body)
    id_ = made.headers["Location"].split("/")[-3]
    as_json = await api.ask("GET", f"/Observation/{id_}", Accept="application/fhir+json")
    by_query = await api.ask("GET", f"/Observation/{id_}?_format=xml")
    found = await api.ask("GET", f"/Observation?_id={id_}&_format=application/fhir+xml")
    posted = await api.ask(
        "POST", "/Observation/_search", f"_id={id_}&_format=xml", Content_Type="application/x-www-form-urlencoded"
    )

    assert (made.status, root.tag) == (201, "{http://hl7.org/fhir}Observation")
    assert b'"value":1.10' in as_json.body
    assert as_json.json["code"]["text"] == "K & Na"
    assert b'<value value="1.10"/>' in by_query.body
    for each in (found, posted):
        assert each.headers["Content-Type"].startswith(XML)
        assert ElementTree.fromstring(each.body).find("{*}entry/{*}resource/{*}Observation") is not None


async def test_a_transaction_in_xml(api: Api) -> None:
    entry = (
        f'<entry><resource>{OBSERVATION.replace(" xmlns=" + chr(34) + "http://hl7.org/fhir" + chr(34), "")}</resource>'
        '<request><method value="POST"/><url value="Observation"/></request></entry>'
    )
    bundle = f'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/>{entry * 2}</Bundle>'
    done = await api.ask("POST", "", bundle, Content_Type=XML, Accept=XML)

    assert done.status == 200
    assert len(ElementTree.fromstring(done.body).findall("{*}entry/{*}response")) == 2


@pytest.mark.parametrize(
    "bad",
    ['<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"><id value="&a;"/></Patient>',
     '<Patient xmlns="http://hl7.org/fhir"><marlow value="MARLOW"/></Patient>'],
)  # fmt: skip
async def test_harmful_xml_is_refused_without_a_word_of_it(api: Api, bad: str) -> None:
    refused = await api.ask("POST", "/Patient", bad, Content_Type=XML, Accept=XML)

    assert (refused.status, refused.headers["Content-Type"]) == (400, f"{XML}; charset=utf-8")
    assert b"MARLOW" not in refused.body
    assert b"root:" not in refused.body


async def test_formats_that_are_not_known_are_refused_as_outcomes(api: Api) -> None:
    patient = {"resourceType": "Patient"}
    asked = {
        406: [await api.ask("GET", "/Patient/p1?_format=csv"), await api.ask("GET", "/Patient/p1", Accept="text/csv")],
        415: [
            await api.ask("POST", "/Patient", patient, Content_Type="text/plain"),
            await api.ask("POST", "/Patient", patient, Content_Type="application/fhir+json; charset=latin-1"),
            await api.ask("PATCH", "/Patient/p1", patient, Content_Type="application/fhir+json"),
            await api.ask("POST", "/Patient/_search", "family=x", Content_Type="text/plain"),
            await api.ask("POST", "/Patient", patient, Content_Encoding="br"),
        ],
        405: [await api.ask("DELETE", "/metadata"), await api.ask("OPTIONS", "/Patient"), await api.ask("TRACE", "/Patient/p1")],
        404: [await api.ask("GET", "/a/b/c/d/e"), await api.ask("GET", "/Nothing1/x")],
    }
    for status, found in asked.items():
        for each in found:
            assert each.status == status
            assert each.json["resourceType"] == "OperationOutcome"
            assert each.json["issue"][0]["severity"] == "error"
    assert asked[405][1].headers["Allow"] == "HEAD, GET, POST, PUT, PATCH, DELETE"
    assert (await api.ask("GET", "/metadata", token="", Accept="text/csv;q=0.9, application/fhir+xml;q=0.8")).status == 200


async def test_gzip_goes_in_and_out_and_a_bomb_is_refused(api: Api) -> None:
    body = gzip.compress(b'{"resourceType":"Observation","status":"final","code":{"text":"K"}}')
    made = await api.ask("POST", "/Observation", body, Content_Encoding="gzip")
    bomb = gzip.compress(b'{"resourceType":"Observation","a":"' + b" " * 45_000_000 + b'"}', 9)
    cut = await api.ask("POST", "/Observation", body[:-6], Content_Encoding="gzip")
    twice = await api.ask("POST", "/Observation", body + body, Content_Encoding="gzip")
    headers = {"Accept-Encoding": "gzip"}
    async with aiohttp.ClientSession(auto_decompress=False) as web, web.get(f"{api.base}/metadata", headers=headers) as reply:
        packed = await reply.read()

    assert made.status == 201
    assert (await api.ask("POST", "/Observation", bomb, Content_Encoding="gzip")).status == 413
    assert [cut.status, twice.status] == [400, 400]
    assert reply.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed))["resourceType"] == "CapabilityStatement"


async def test_head_is_get_without_its_body(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    head = await api.ask("HEAD", "/Patient/p1", Accept_Encoding="identity")
    got = await api.ask("GET", "/Patient/p1", Accept_Encoding="identity")

    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(got.body))


async def test_every_answer_bears_one_request_id(api: Api) -> None:
    for path in ("/metadata", "/Patient/none", "/a/b/c/d", "/Patient/p1?_format=csv"):
        given = await api.ask("GET", path, X_Request_Id="3f0c7a52-9a9e-4d0e-b2e4-1c2d3e4f5a6b")
        assert given.headers.getall("X-Request-Id") == ["3f0c7a52-9a9e-4d0e-b2e4-1c2d3e4f5a6b"]
        assert len((await api.ask("GET", path)).headers.getall("X-Request-Id")) == 1


async def test_what_a_client_has_is_not_sent_again(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    seen = (await api.ask("GET", "/Patient/p1")).headers
    asked = [
        await api.ask("GET", "/Patient/p1", If_None_Match='W/"7", W/"1"'),
        await api.ask("GET", "/Patient/p1", If_None_Match="*"),
        await api.ask("GET", "/Patient/p1", If_Modified_Since=seen["Last-Modified"]),
        await api.ask("GET", "/Patient/p1/_history/1", If_None_Match='W/"1"'),
    ]
    changed = await api.ask("GET", "/Patient/p1", If_None_Match='W/"2"', If_Modified_Since=seen["Last-Modified"])

    assert [(each.status, each.body) for each in asked] == [(304, b"")] * 4
    assert changed.status == 200


async def test_prefer_says_what_comes_back_of_a_write(api: Api) -> None:
    patient = {"resourceType": "Patient"}
    minimal = await api.ask("POST", "/Patient", patient, Prefer="return=minimal")
    outcome = await api.ask("POST", "/Patient", patient, Prefer="return=OperationOutcome")
    whole = await api.ask("POST", "/Patient", patient, Prefer="return=representation")

    assert (minimal.status, minimal.body) == (201, b"")
    assert "Location" in minimal.headers
    assert outcome.json["resourceType"] == "OperationOutcome"
    assert whole.json["resourceType"] == "Patient"


async def test_lines_for_a_reader(api: Api) -> None:
    text = '{"resourceType":"Observation","status":"final","code":{"text":"{[,:\\""},"valueQuantity":{"value":1.10},"note":[]}'
    made = in_lines(text.encode())

    assert json.loads(made) == json.loads(text)
    assert b'\n  "valueQuantity": {\n    "value": 1.10\n  },' in made
    assert b"\n  " in (await api.ask("GET", "/metadata?_pretty=true")).body
    assert b"\n  <" in (await api.ask("GET", "/metadata?_pretty=true&_format=xml")).body


async def test_what_was_written_is_written_even_where_xml_cannot_say_it(api: Api) -> None:
    odd = {"resourceType": "Patient", "id": "p1", "text": {"status": "generated", "div": "<div>not closed"}}
    made = await api.ask("PUT", "/Patient/p1", odd, Accept=XML)
    read = await api.ask("GET", "/Patient/p1", Accept=XML)

    assert made.status == 201
    assert b'<severity value="warning"/>' in made.body
    assert (read.status, (await api.ask("GET", "/Patient/p1")).status) == (406, 200)


async def test_more_parameters_than_any_search_has_are_refused(api: Api) -> None:
    form = "&".join(f"family={each}" for each in range(10_000))
    refused = await api.ask("POST", "/Patient/_search", form, Content_Type="application/x-www-form-urlencoded")

    assert refused.status == 400
