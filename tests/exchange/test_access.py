"""Who may use the FHIR API, and for what? Tokens, scopes, and what is never told."""

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.exchange.conftest import Api

from carerecord.contracts.holdings import PRESENT, KeptEntry, PresentAsked
from carerecord.contracts.identity import REVOKE_CLIENT, RevokeClientAsked
from carerecord.kit.errors import NotAcceptable

FORM = "application/x-www-form-urlencoded"
BEARER_TYPE = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"


def signed(key: ECKey, client: str, audience: str, **changed: Any) -> str:
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": audience, "exp": now + 200, "iat": now, "jti": f"j{time.monotonic_ns()}"}
    return jwt.encode({"alg": "ES384", "kid": "k1"}, {**claims, **changed}, key, algorithms=["ES384"])


async def test_a_client_signs_in_by_its_key(api: Api) -> None:
    key = ECKey.generate_key("P-384", {"kid": "k1"})
    added = await api.client("system/Observation.rs", jwks=json.dumps({"keys": [key.as_dict(private=False)]}))
    token_address = f"{api.base}/oauth/token"
    shown = signed(key, added.client.id, token_address)
    form = f"grant_type=client_credentials&scope=system%2FObservation.rs&client_assertion_type={BEARER_TYPE}&client_assertion="
    given = await api.ask("POST", "/oauth/token", form + shown, token="", Content_Type=FORM)
    again = await api.ask("POST", "/oauth/token", form + shown, token="", Content_Type=FORM)
    elsewhere = signed(key, added.client.id, "https://elsewhere.example/token")
    other = ECKey.generate_key("P-384", {"kid": "k1"})

    assert given.json["scope"] == "system/Observation.rs"
    assert given.json["expires_in"] == 300
    assert again.json["error"] == "invalid_client", "an assertion is good once"
    for bad in (elsewhere, signed(other, added.client.id, token_address), signed(key, "nobody", token_address), "x.y.z"):
        refused = await api.ask("POST", "/oauth/token", form + bad, token="", Content_Type=FORM)
        assert (refused.status, refused.json["error"]) == (401, "invalid_client")
    assert (await api.ask("GET", "/Observation?patient=p1", token=given.json["access_token"])).status == 200
    assert (await api.ask("GET", "/Patient?_id=p1", token=given.json["access_token"])).status == 403


async def test_a_client_signs_in_by_its_secret_and_is_out_when_revoked(api: Api) -> None:
    added = await api.client("system/*.rs")
    basic = base64.b64encode(f"{added.client.id}:{added.secret}".encode()).decode()
    given = await api.ask(
        "POST", "/oauth/token", "grant_type=client_credentials", token="", Content_Type=FORM, Authorization=f"Basic {basic}"
    )
    await api.house.calls("exchange").ask(REVOKE_CLIENT, RevokeClientAsked(added.client.id))
    refused = await api.ask(
        "POST", "/oauth/token", "grant_type=client_credentials", token="", Content_Type=FORM, Authorization=f"Basic {basic}"
    )

    assert given.json["token_type"] == "bearer"
    assert refused.status == 401
    assert (await api.ask("GET", "/Patient?_id=x", token=given.json["access_token"])).status == 401


async def test_scopes_bound_every_interaction(api: Api) -> None:
    reader = await api.token_with("system/Observation.r")
    made = await api.ask("POST", "/Observation", {"resourceType": "Observation", "status": "final", "code": {"text": "K"}})
    id_ = made.json["id"]

    assert (await api.ask("GET", f"/Observation/{id_}", token=reader)).status == 200
    assert (await api.ask("GET", "/Observation?_id=x", token=reader)).status == 403
    assert (await api.ask("DELETE", f"/Observation/{id_}", token=reader)).status == 403
    entry = {"request": {"method": "DELETE", "url": f"Observation/{id_}"}}
    refused = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}, token=reader)
    assert refused.status == 403


async def test_nobody_without_a_token_learns_anything(api: Api) -> None:
    for path in ("/Patient/p1", "/Patient", "/Nothing/1", "/Patient/p1/$everything"):
        answer = await api.ask("GET", path, token="guessed")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_every_answer_stands_in_the_book_before_it_leaves(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    await api.ask("GET", "/Patient/p1")
    await api.ask("GET", "/Patient?_id=p1")
    told = await _lines(api)

    assert [each["what"] for each in told] == ["resource-written", "resource-read", "resource-searched"]
    assert all(each["patients"] == ["p1"] for each in told)
    assert all(each["actor"]["name"] == "A client of this test" for each in told)


async def test_the_searches_of_a_batch_are_one_line_of_everyone_who_is_shown(api: Api) -> None:
    for each in ("p1", "p2"):
        await api.ask("PUT", f"/Patient/{each}", {"resourceType": "Patient", "id": each})
    asked = ("Patient?_id=p1", "Patient?_id=p2", "Observation?patient=p1", "Observation?colour=red")
    entries = [{"request": {"method": "GET", "url": url}} for url in asked]
    before = await _lines(api)
    told = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    added = (await _lines(api))[len(before) :]

    assert [each["response"]["status"] for each in told.json["entry"]] == ["200", "200", "200", "400"]
    assert [(each["what"], each["patients"]) for each in added] == [("resource-searched", ["p1", "p2"])]
    assert added[0]["request"] == told.headers["X-Request-ID"]


async def test_a_batch_whose_line_cannot_be_written_shows_nothing(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    db = api.house.supplies("holdings").db
    await db.execute("ALTER TABLE outbox RENAME TO outbox_away")
    entries = [{"request": {"method": "GET", "url": url}} for url in ("Patient?_id=p1", "Patient/p1")]
    told = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    await db.execute("ALTER TABLE outbox_away RENAME TO outbox")

    assert [each["response"]["status"] for each in told.json["entry"]] == ["503", "503"]
    assert not any("resource" in each for each in told.json["entry"])


async def _lines(api: Api) -> list[dict[str, Any]]:
    rows = await api.house.supplies("holdings").db.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")
    return [json.loads(row["body"]) for row in rows]


async def test_what_a_client_writes_is_kept_as_of_the_source_in_whose_name_it_writes(api: Api) -> None:
    encounter = {
        "resourceType": "Encounter", "id": "n1", "status": "in-progress", "subject": {"reference": "Patient/e1"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER"},
    }  # fmt: skip
    entry = (KeptEntry("fenwick-epr", ("e1",)),)
    nobodys = await api.token_with("system/*.cruds")
    assert (await api.ask("PUT", "/Encounter/n1", encounter, token=nobodys)).status == 201
    assert await api.house.calls("exchange").ask(PRESENT, PresentAsked(entry)) == ()

    token = await api.token_with("system/*.cruds", source="fenwick-epr")
    assert (await api.ask("PUT", "/Encounter/n1", encounter, token=token, If_Match='W/"1"')).status == 200
    (kept,) = await api.house.calls("exchange").ask(PRESENT, PresentAsked(entry))
    assert (kept.source, [each.id for each in kept.resources]) == ("fenwick-epr", ["n1"])
    with pytest.raises(NotAcceptable):
        await api.client("system/*.cruds", source="two words")
