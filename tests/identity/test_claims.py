"""What a provider says of a user becomes roles of ours, and nothing that it may not say."""

from typing import Any

import msgspec
import pytest

from carerecord.contracts.actors import Role
from carerecord.identity.claims import name_from, roles_from, unknown_words
from carerecord.identity.providers import RoleWords, TrustedProvider

NATIONAL = RoleWords(
    claim="nhsid_nrbac_roles",
    map={"S8000:G8000:R8000": "emergency-doctor", "S8010:G8011:R8010": "receptionist"},
    id="person_roleid",
    code="role_code",
    name="job_title",
    organisation="org_code",
    organisation_name="org_name",
)
PLAIN = RoleWords(claim="realm_access.roles", map={"SocialWorker": "social-worker"})


def a_provider(roles: RoleWords) -> TrustedProvider:
    return TrustedProvider("aldermoor", "R9A", "Aldermoor", "https://aldermoor.example", "carerecord", ("ES256",), roles)


def a_profile(**changes: Any) -> dict[str, Any]:
    told = {"person_roleid": "555", "role_code": "S8000:G8000:R8000", "org_code": "R9A", "org_name": "Aldermoor Hospitals"}
    return told | changes


def test_a_national_profile_becomes_a_role_at_its_organisation():
    claims = {"nhsid_nrbac_roles": [a_profile(job_title="Consultant")]}
    assert roles_from(claims, a_provider(NATIONAL)) == (
        Role("555", "emergency-doctor", "Consultant", "R9A", "Aldermoor Hospitals"),
    )


def test_a_profile_without_words_is_named_by_ours():
    (role,) = roles_from({"nhsid_nrbac_roles": [a_profile(org_name="", job_title=None)]}, a_provider(NATIONAL))
    assert (role.name, role.organisation_name) == ("A&E doctor", "Aldermoor")


@pytest.mark.parametrize(
    "told",
    [
        None,
        "S8000:G8000:R8000",
        {"0": a_profile()},
        ["S8000:G8000:R8000"],
        [a_profile(role_code="S1:G1:R1")],
        [a_profile(role_code=["S8000:G8000:R8000"])],
        [a_profile(org_code="R9B")],
        [a_profile(org_code="")],
        [a_profile(person_roleid="")],
        [a_profile(person_roleid=555)],
        [[a_profile()]],
    ],
)
def test_what_is_unknown_misshapen_or_of_another_organisation_gives_no_role(told):
    assert roles_from({"nhsid_nrbac_roles": told}, a_provider(NATIONAL)) == ()


def test_the_others_stand_when_one_profile_is_dropped_and_an_id_counts_once():
    told = [a_profile(org_code="R9B"), a_profile(), a_profile(role_code="S8010:G8011:R8010"), a_profile(person_roleid="556")]
    assert [(role.id, role.code) for role in roles_from({"nhsid_nrbac_roles": told}, a_provider(NATIONAL))] == [
        ("555", "emergency-doctor"),
        ("556", "emergency-doctor"),
    ]


def test_a_national_provider_may_speak_for_any_organisation_with_a_real_code():
    anywhere = a_provider(msgspec.structs.replace(NATIONAL, organisations=("*",)))
    told = [a_profile(org_code="A81001"), a_profile(person_roleid="556", org_code="not a code")]
    assert [role.organisation for role in roles_from({"nhsid_nrbac_roles": told}, anywhere)] == ["A81001"]


def test_words_at_a_path_become_roles_of_the_providers_own_organisation():
    claims = {"realm_access": {"roles": ["offline_access", "SocialWorker", 7, "SocialWorker"]}}
    assert roles_from(claims, a_provider(PLAIN)) == (Role("SocialWorker", "social-worker", "Social worker", "R9A", "Aldermoor"),)


def test_a_claim_whose_own_name_has_dots_is_found_first():
    plain = msgspec.structs.replace(PLAIN, claim="https://council.example/roles")
    assert len(roles_from({"https://council.example/roles": ["SocialWorker"]}, a_provider(plain))) == 1


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Dr Priya Nair"}, "Dr Priya Nair"),
        ({"given_name": "Priya", "family_name": "Nair"}, "Priya Nair"),
        ({"name": "  Priya\r\n\x1b[31m Nair\u202e "}, "Priya [31m Nair"),
        ({"name": ["Priya"]}, "Name not given"),
        ({}, "Name not given"),
    ],
)
def test_a_name_is_one_printable_line(claims, name):
    assert name_from(claims) == name


def test_a_name_has_an_end():
    assert len(name_from({"name": "a" * 10_000})) == 200


def test_what_a_provider_says_that_is_no_role_here_is_told_by_its_own_word_once_and_tamed():
    national = {"nhsid_nrbac_roles": [a_profile(), *2 * [a_profile(role_code="S1:G1:R8004\n<b>")], "R1", a_profile(role_code=7)]}
    assert unknown_words(national, a_provider(NATIONAL)) == ("S1:G1:R8004 <b>",)
    assert unknown_words({"realm_access": {"roles": ["SocialWorker", "Gardener"]}}, a_provider(PLAIN)) == ("Gardener",)
    assert unknown_words({}, a_provider(PLAIN)) == ()
