"""The registry of providers is read from TOML, and every fault is said in words that help."""

import pytest

from carerecord.identity.providers import read_providers

COUNCIL = """
[[provider]]
id = "council"
organisation = "R9C"
name = "Aldermoor Council"
issuer = "https://sign-in.council.example/oidc"
client_id = "carerecord"
credentials = "oidc-council"
algorithms = ["ES256"]
hosts = ["keys.council.example:8443"]
[provider.roles]
claim = "roles"
[provider.roles.map]
"SocialWorker" = "social-worker"
"""


def test_a_table_becomes_a_trusted_provider():
    trust = read_providers({"council.toml": COUNCIL})
    assert trust.problems == ()
    council = trust.providers["council"]
    assert (council.issuer, council.algorithms, council.scopes) == (
        "https://sign-in.council.example/oidc", ("ES256",), ("openid", "profile"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ('"ES256"', '"HS256"', "algorithms may hold"),
        ('"ES256"', '"none"', "algorithms may hold"),
        ('["ES256"]', "[]", "at least one"),
        ("https://sign-in", "http://sign-in", "issuer is an https address"),
        ("https://sign-in", "https://user@sign-in", "issuer is an https address"),
        ("/oidc", "/oidc?x=1", "without query"),
        ('"social-worker"', '"superuser"', "superuser is not a role here"),
        ('id = "council"', 'id = ""', "id is empty"),
        ("client_id", "clientid", "clientid"),
        ('issuer = "https://sign-in.council.example/oidc"', "", "issuer"),
        ('claim = "roles"', 'claim = "roles"\nplace = "cookie"', "roles.place"),
        ('claim = "roles"', 'claim = "roles"\ncode = "role_code"', "roles.code needs"),
        ("[provider.roles]", 'scopes = ["profile"]\n[provider.roles]', "scopes holds openid"),
    ],
)
def test_a_fault_is_named_and_the_provider_is_not_trusted(written, instead, says):
    assert written in COUNCIL
    trust = read_providers({"council.toml": COUNCIL.replace(written, instead, 1)})
    assert trust.providers == {}
    assert says in trust.problems[0]
    assert trust.problems[0].startswith("council.toml, ")


def test_two_tables_may_share_neither_issuer_nor_id():
    same_issuer = COUNCIL.replace('"council"', '"other"')
    same_id = COUNCIL.replace("sign-in.", "other.")
    trust = read_providers({"a.toml": COUNCIL, "b.toml": same_issuer, "c.toml": same_id})
    assert list(trust.providers) == ["council"]
    assert [each.rsplit(": ")[-1] for each in trust.problems] == [
        "another provider has this issuer",
        "another provider has this id",
    ]


def test_a_file_that_is_no_toml_is_told_from_a_table_that_is_wrong():
    assert read_providers({"a.toml": "[[provider]\n"}).whole is False
    assert read_providers({"a.toml": "[[provider]]\nid = 1\n"}).whole is True


@pytest.mark.parametrize(
    ("address", "its_own"),
    [
        ("https://sign-in.council.example/token", True),
        ("https://keys.council.example:8443/jwks", True),
        ("https://keys.council.example/jwks", False),
        ("https://sign-in.council.example.evil.test/token", False),
        ("https://sign-in.council.example:444/token", False),
        ("http://sign-in.council.example/token", False),
        ("http://127.0.0.1/token", False),
        ("https://169.254.169.254/latest", False),
        ("https://evil.test@sign-in.council.example/token", False),
        ("https://sign-in.council.example/token#part", False),
        ("//sign-in.council.example/token", False),
        ("", False),
    ],
)
def test_an_endpoint_stands_at_the_issuers_own_host_or_at_one_that_was_named(address, its_own):
    council = read_providers({"council.toml": COUNCIL}).providers["council"]
    assert council.owns(address) is its_own
