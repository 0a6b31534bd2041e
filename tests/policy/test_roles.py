"""Is every role that the pretend region gives one of ours, and does somebody there bear each of ours?"""

from carerecord.contracts.roles import ROLES
from carerecord.identity.providers import read_providers
from carerecord.region.organisations import ORGANISATION_BY_ODS, PROVIDERS, USERS
from carerecord.region.registry_files import provider_table, write_tables


def test_each_role_of_the_region_is_known_here_and_each_of_ours_is_somebodys(tmp_path):
    tables = [provider_table(each, f"https://{each.key}.example", USERS, ORGANISATION_BY_ODS) for each in PROVIDERS]
    write_tables(tmp_path / "providers.toml", "provider", tables, "as the region writes them")
    trust = read_providers({"providers.toml": (tmp_path / "providers.toml").read_text(encoding="utf-8")})
    assert trust.problems == ()
    assert {code for each in trust.providers.values() for code in each.roles.map.values()} == set(ROLES)


def test_a_role_that_is_not_known_here_is_refused_where_it_is_written(tmp_path):
    table = provider_table(PROVIDERS[0], "https://aldermoor.example", USERS, ORGANISATION_BY_ODS)
    table["roles"]["map"]["S1:G1:R9999"] = "astrologer"
    write_tables(tmp_path / "providers.toml", "provider", [table], "with a fault")
    trust = read_providers({"providers.toml": (tmp_path / "providers.toml").read_text(encoding="utf-8")})
    assert trust.providers == {}
    assert "astrologer is not a role here" in trust.problems[0]
