"""How does carerecord come to know the region? As any other: TOML files of sources and providers, and a folder of secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from carerecord.region.people.patient import NHS_NUMBER
from carerecord.region.servers.oidc_claims import claim_words, manner_of
from carerecord.region.shapes import IdentityProvider, Organisation, SendingSystem, System, User

# The region's words for a kind of system -> those of a source; where both agree nothing stands here.
_KINDS = {"hospital": "acute", "laboratory": "pathology", "clinic": "acute", "real": "acute"}
_ROLES = {"ae-doctor": "emergency-doctor"}


def source_table(
    system: System, organisation: Organisation, address: str, token_address: str, *, asks: str = "", deadline_s: float = 8.0
) -> dict[str, Any]:
    """One `[[source]]`, as the sources service reads it."""
    table: dict[str, Any] = {
        "id": system.key,
        "organisation": system.ods,
        "organisation_name": organisation.name,
        "name": system.name,
        "mark": system.mark,
        "kind": _KINDS.get(system.kind, system.kind),
        "connector": system.connector,
        "address": address,
        "knows_by": system.knows_by,
        "number_system": system.patient_system,
        "asks": asks or system.asks,
        "sections": list(system.sections),
        "arrangement": "live",
        "stage": "everyone",  # the region has been through its testing
        "deadline_s": deadline_s,
        "page_size": system.page_size,
        "phone": organisation.bypass_phone or organisation.phone,
    }
    if token_address:
        table |= {"token_address": token_address, "client_id": "carerecord", "credentials": f"source-{system.key}"}
    return table


def sending_tables(system: SendingSystem, organisation: Organisation) -> tuple[dict[str, Any], dict[str, Any]]:
    """A `[[source]]` that is not asked and kept as a copy, and the `[[sender]]` whose messages fill it."""
    source = {
        "id": system.key,
        "organisation": system.ods,
        "organisation_name": organisation.name,
        "name": system.name,
        "mark": system.mark,
        "kind": _KINDS.get(system.kind, system.kind),
        "connector": "none",
        "number_system": system.patient_system,
        "sections": list(system.sections),
        "arrangement": "copy",
        "stage": "everyone",
        "phone": organisation.bypass_phone or organisation.phone,
    }
    sender = {
        "id": system.key,
        "source": system.key,
        "sends_as": [[system.application, system.facility]],
        "authorities": [[system.facility, system.patient_system], ["NHS", NHS_NUMBER]],
        "number_system": system.patient_system,
    }
    return source, sender


def pds_table(address: str, organisation: Organisation) -> dict[str, Any]:
    """The Personal Demographics Service as a source: traced, never asked for sections."""
    return {
        "id": "pds",
        "organisation": organisation.ods,
        "organisation_name": "NHS England",
        "name": "Personal Demographics Service",
        "mark": "PD",
        "kind": "demographics",
        "connector": "pds",
        "address": address,
        "knows_by": "nhs-number",
        "deadline_s": 5.0,
    }


def provider_table(
    provider: IdentityProvider, issuer: str, users: Sequence[User], organisations: Mapping[str, Organisation]
) -> dict[str, Any]:
    """One `[[provider]]`, as the identity service reads it: it may speak for its own organisations and give its own roles."""
    manner = manner_of(provider)
    profiles = [profile for user in users if user.provider == provider.key for profile in user.profiles]
    words = claim_words(manner, sorted({profile.role for profile in profiles}))
    roles: dict[str, Any] = {
        "claim": manner.claim,
        "place": manner.place,
        "organisations": sorted({profile.ods for profile in profiles} | {provider.ods}),
    }
    if manner.shape == "cis2":
        roles |= {"id": "person_roleid", "code": "role_code", "name": "job_title"}
        roles |= {"organisation": "org_code", "organisation_name": "org_name"}
    return {
        "id": provider.key,
        "organisation": provider.ods,
        "name": organisations[provider.ods].name if manner.shape == "plain" else provider.name,
        "issuer": issuer,
        "client_id": "carerecord",
        "credentials": f"oidc-{provider.key}",
        "algorithms": [manner.algorithm],
        "scopes": manner.scope.split(),
        "roles": roles | {"map": {word: _ROLES.get(role, role) for word, role in words.items()}},
    }


def tester_table(user: User, issuer: str) -> dict[str, Any]:
    """One `[[safety_tester]]`: who looks at a source's answers before others do. They sign in with their own organisation."""
    return {
        "id": user.family.lower(),
        "name": user.name,
        "organisation": user.profiles[0].ods,
        "issuer": issuer,
        "subject": user.sub,
    }


def write_tables(path: Path, word: str, tables: Sequence[Mapping[str, Any]], says: str) -> None:
    """One TOML file of tables `[[word]]`, put in place whole: who watches the folder never reads half of it."""
    text = f"# {says}\n" + "".join(f"\n[[{word}]]\n{_table(each, word)}" for each in tables)
    _put(path, text, 0o644)


def write_secrets(folder: Path, secrets: Mapping[str, str]) -> None:
    """One file for each secret, readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, value in secrets.items():
        _put(folder / name, value, 0o600)


def _table(table: Mapping[str, Any], name: str) -> str:
    """The body of a table, and the tables inside it."""
    plain = "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items() if not isinstance(value, Mapping))
    inner = ((f"{name}.{_key(key)}", value) for key, value in table.items() if isinstance(value, Mapping))
    return plain + "".join(f"\n[{path}]\n{_table(value, path)}" for path, value in inner)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _value(value: Any) -> str:
    """A TOML value. A JSON string is a TOML basic string, a JSON list of strings an array."""
    return json.dumps(value, ensure_ascii=False)


def _put(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)
