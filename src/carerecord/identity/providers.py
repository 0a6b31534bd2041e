"""Which identity providers are trusted, and with what? Read from the TOML files of a folder; pure but for that reading."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

ROLE_CODES: Mapping[str, str] = {
    "emergency-doctor": "A&E doctor",
    "gp": "GP",
    "social-worker": "Social worker",
    "receptionist": "Receptionist",
    "administrator": "Administrator",
    "privacy-officer": "Privacy officer",
}
# Signatures with a public key only: a shared secret proves nothing about who signed.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})


class TrustedProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table `[[provider]]`: an organisation's provider, and what of its word is believed."""

    id: str
    organisation: str  # ODS
    name: str
    issuer: str  # compared to the letter
    client_id: str
    credentials: str  # the name of a secret
    algorithms: tuple[str, ...]  # of its ID tokens; any other is refused
    organisations: dict[str, str]  # for which organisations it may speak: ODS -> name. Roles elsewhere are dropped
    roles: dict[str, str]  # its word for a role -> our role code. Words that do not stand here are dropped
    scope: str = "openid profile"
    acr_values: str = ""
    roles_in: str = "id_token"  # id_token | userinfo
    roles_claim: str = "roles"
    roles_shape: str = "plain"  # plain: words, "word" or "word@ODS" | cis2: nhsid_nrbac_roles


@dataclass(frozen=True)
class Registry:
    providers: Mapping[str, TrustedProvider] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_folder(folder: Path) -> Mapping[str, str]:
    """The text of each TOML file of the folder, by name."""
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.toml"))} if folder.is_dir() else {}


def read_registry(files: Mapping[str, str]) -> Registry:
    """The providers of these files. A table that cannot be read is a problem in plain words, and the others stand."""
    providers: dict[str, TrustedProvider] = {}
    problems: list[str] = []
    for file, text in files.items():
        try:
            tables = tomllib.loads(text).get("provider", [])
        except tomllib.TOMLDecodeError as error:
            problems.append(f"{file} is not TOML: {error}")
            continue
        for place, table in enumerate(tables, 1):
            provider, faults = _read(table)
            if provider is not None and any(provider.issuer == other.issuer for other in providers.values()):
                faults.append("another provider has this issuer")
            if provider is not None and provider.id in providers:
                faults.append("another provider has this id")
            problems += [f"{file}, {table.get('id') or f'table {place}'}: {fault}" for fault in faults]
            if provider is not None and not faults:
                providers[provider.id] = provider
    return Registry(providers, tuple(problems))


def _read(table: Mapping[str, Any]) -> tuple[TrustedProvider | None, list[str]]:
    try:
        provider = msgspec.convert(table, TrustedProvider)
    except msgspec.ValidationError as error:
        return None, [str(error)]
    faults = []
    if not provider.algorithms or not ALGORITHMS.issuperset(provider.algorithms):
        faults.append(f"algorithms may hold {', '.join(sorted(ALGORITHMS))}, and at least one of them")
    if unknown := sorted(set(provider.roles.values()) - set(ROLE_CODES)):
        faults.append(f"{', '.join(unknown)} is not a role here; they are {', '.join(ROLE_CODES)}")
    if not safe_address(provider.issuer):
        faults.append("issuer is an https address (http only on this machine)")
    if provider.roles_in not in ("id_token", "userinfo"):
        faults.append("roles_in is id_token or userinfo")
    if provider.roles_shape not in ("plain", "cis2"):
        faults.append("roles_shape is plain or cis2")
    return provider, faults


def safe_address(address: str) -> bool:
    """An https address, or http on the loopback; no user name, no fragment."""
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    return (parts.scheme == "https" or local) and bool(parts.hostname) and not parts.username and not parts.fragment
