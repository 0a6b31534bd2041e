"""Is the region as large as a region, and can somebody sign in for every role that carerecord knows?"""

from pathlib import Path

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.roles import ROLES
from carerecord.fhir.identifiers import is_ods_code
from carerecord.region.organisations import (
    ORGANISATION_BY_ODS,
    ORGANISATIONS,
    PROVIDERS,
    SAFETY_TESTERS,
    SYSTEMS,
    USER_BY_NAME,
    USERS,
)
from carerecord.region.registry_files import provider_table, write_tables
from carerecord.region.registry_files import tester_table as table_of_tester
from carerecord.sources.model import read_registry


def test_there_are_two_dozen_systems_and_more_of_fourteen_organisations_and_more() -> None:
    assert len(SYSTEMS) >= 24
    assert len({system.ods for system in SYSTEMS}) >= 14
    assert len({system.key for system in SYSTEMS}) == len(SYSTEMS)
    assert len({system.mark for system in SYSTEMS}) == len(SYSTEMS)
    assert {system.ods for system in SYSTEMS} <= set(ORGANISATION_BY_ODS)
    assert all(is_ods_code(organisation.ods) for organisation in ORGANISATIONS)


def test_each_kind_of_service_that_a_region_has_is_there() -> None:
    kinds = {organisation.kind for organisation in ORGANISATIONS}
    by_trust = {ods: {system.kind for system in SYSTEMS if system.ods == ods} for ods in ("R9A", "R9F")}

    assert kinds == {
        "gp", "acute", "ambulance", "community", "mental-health", "hospice", "council", "pharmacy", "care-home",
        "sexual-health", "out-of-hours", "board",
    }  # fmt: skip
    assert sum(system.kind == "gp" for system in SYSTEMS) >= 4
    assert sum(system.kind == "pharmacy" for system in SYSTEMS) == 2
    assert {"hospital", "emergency", "laboratory", "radiology"} <= by_trust["R9A"] & by_trust["R9F"]


def test_somebody_signs_in_for_every_role_by_a_provider_that_may_speak_for_it() -> None:
    given: set[str] = set()
    for provider in PROVIDERS:
        roles = provider_table(provider, "https://issuer.example", USERS, ORGANISATION_BY_ODS)["roles"]
        jobs = {profile.role for user in USERS if user.provider == provider.key for profile in user.profiles}
        assert len(roles["map"]) == len(jobs), "two of its roles have one word"
        given |= set(roles["map"].values())

    assert given == set(ROLES)


def test_each_user_signs_in_where_their_organisation_does() -> None:
    providers = {provider.key for provider in PROVIDERS}

    assert {user.provider for user in USERS} == providers
    assert len({user.username for user in USERS}) == len(USERS)
    assert len({user.sub for user in USERS}) == len(USERS)
    assert len({profile.id for user in USERS for profile in user.profiles}) == sum(len(user.profiles) for user in USERS)


def test_its_safety_testers_are_read_by_the_registry_as_those_who_sign_in_and_treat_people(tmp_path: Path) -> None:
    testers = [USER_BY_NAME[name] for name in SAFETY_TESTERS]
    file = tmp_path / "testers.toml"
    tables = [table_of_tester(each, f"https://{each.provider}.example") for each in testers]
    write_tables(file, "safety_tester", tables, "Who may look first.")

    registry = read_registry({file.name: file.read_text()})

    assert registry.problems == ()
    assert {each.id for each in registry.testers} == {"nair", "kapoor"}
    for each in testers:
        role = Role("1", "gp", "GP", each.profiles[0].ods, "")
        assert registry.is_tester(Actor(f"https://{each.provider}.example", each.sub, each.name, role))
        assert {profile.role for profile in each.profiles} <= {"ae-doctor", "gp"}
