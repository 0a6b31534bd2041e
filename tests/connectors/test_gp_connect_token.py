"""carerecord sends unsigned tokens to GP practices, because they want them, and accepts one from nobody."""

import base64
import json
from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from carerecord.connectors.gp_connect_token import bearer
from carerecord.identity.id_token import header_of
from carerecord.identity.providers import RoleWords, TrustedProvider, read_providers
from carerecord.kit.calls import CALLER
from carerecord.kit.errors import NotSignedIn
from carerecord.kit.part import Part, answer
from carerecord.kit.question import Question
from tests.both_ways.ways import across_a_socket
from tests.connectors.a_practice import ACTOR

OURS = bearer(ACTOR, audience="https://gp.example/fhir", asid="200000000115", now=1_790_000_000.0)


class Word(msgspec.Struct, frozen=True):
    word: str = "hello"


SAY = Question("sayer", "say", Word, Word)


async def say(asked: Word) -> Word:
    return asked


def claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize("header", ["Authorization", CALLER])
async def test_our_own_unsigned_token_opens_no_inner_door(header: str):
    async with across_a_socket(Part("sayer", answers=(answer(SAY, say),))) as way, aiohttp.ClientSession() as session:
        shown = OURS if header == "Authorization" else OURS.removeprefix("Bearer ")
        async with session.post(f"{way._address}/ask/say", headers={header: shown}, data=b'{"word":"hello"}') as reply:
            body = await reply.text()

    assert reply.status == 403
    assert "hello" not in body


@pytest.mark.parametrize("algorithms", [("ES256",), ("RS256", "ES256"), ("EdDSA",)])
def test_no_provider_signs_anybody_in_by_an_unsigned_token(algorithms: tuple[str, ...]):
    provider = TrustedProvider(
        "gp", "A99999", "GP", "https://carerecord.example", "carerecord", algorithms, RoleWords("roles", {"a": "gp"})
    )
    with pytest.raises(NotSignedIn) as said:
        header_of(OURS.removeprefix("Bearer "), provider)
    assert said.value.facts["rule"] == "identity/algorithm"


def test_a_provider_that_would_sign_by_nothing_cannot_be_configured():
    table = (
        '[[provider]]\nid = "gp"\norganisation = "A99999"\nname = "GP"\nissuer = "https://gp.example"\nclient_id = "c"\n'
        'algorithms = ["none"]\n[provider.roles]\nclaim = "roles"\nmap = { a = "gp" }\n'
    )
    trust = read_providers({"gp.toml": table})
    assert not trust.providers
    assert "algorithms may hold" in trust.problems[0]


def test_a_user_with_a_smartcard_is_named_by_its_number_and_one_without_is_not_made_up():
    with_card = claims(bearer(replace(ACTOR, subject="555012345678"), audience="https://gp.example", asid="2", now=0.0))
    assert with_card["requesting_practitioner"]["identifier"][0]["value"] == "555012345678"
    assert claims(OURS)["requesting_practitioner"]["identifier"][0]["value"] == "UNK"
