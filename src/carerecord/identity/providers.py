"""Which identity providers are trusted, and with what? Pure: TOML in, providers and problems in plain words out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from carerecord.contracts.roles import ROLES
from carerecord.fhir.identifiers import is_ods_code
from carerecord.kit import toml

# Signatures with a private key only: what two share proves nothing about which of them signed.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANYBODY = "*"


class RoleWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[provider.roles]`: where the provider tells a user's roles, and what of its word is believed.

    `code` empty: the claim is a list of words, held in the provider's own organisation. Else a list of tables (CIS2's
    `nhsid_nrbac_roles`), of which these are the keys.
    """

    claim: str  # "nhsid_nrbac_roles"; a dot goes deeper: "realm_access.roles"
    map: dict[str, str]  # its word -> our role code. A word that does not stand here is dropped
    place: str = "id_token"  # or userinfo
    id: str = ""
    code: str = ""
    name: str = ""
    organisation: str = ""
    organisation_name: str = ""
    organisations: tuple[str, ...] = ()  # for which it may speak; () = its own alone, "*" = any. Roles elsewhere are dropped


class TrustedProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table `[[provider]]`."""

    id: str
    organisation: str  # ODS
    name: str
    issuer: str  # compared to the letter
    client_id: str
    algorithms: tuple[str, ...]  # of its ID tokens; any other is refused, whatever a token or a discovery document says
    roles: RoleWords
    credentials: str = ""  # the name of a secret; "" = a public client, which has PKCE alone
    client_auth: str = "client_secret"  # or private_key_jwt: the secret is then a private key in PEM
    client_key_id: str = ""  # the `kid` under which the provider knows that key
    scopes: tuple[str, ...] = ("openid", "profile")
    acr: tuple[str, ...] = ()  # assurance levels: asked for, and one of them required
    hosts: tuple[str, ...] = ()  # "host" or "host:port" where its endpoints may stand, beside the issuer's own
    ca_file: str = ""

    def speaks_for(self, organisation: str) -> bool:
        allowed = self.roles.organisations or (self.organisation,)
        return organisation in allowed or (ANYBODY in allowed and is_ods_code(organisation))

    def owns(self, address: str) -> bool:
        """Whether an address that its discovery document names is one where it may stand: exact host and port, same safety.

        A document that was tampered with could otherwise send our requests, or the browser, anywhere.
        """
        if not is_safe(address):
            return False
        here, there = urlsplit(self.issuer), urlsplit(address)
        return there.netloc in (here.netloc, *self.hosts) and (there.scheme == "https" or here.scheme == "http")


@dataclass(frozen=True)
class Trust:
    """The providers in force, by id, and what could not be read."""

    providers: Mapping[str, TrustedProvider] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    whole: bool = True  # false: a file is no TOML at all, or holds no tables, so what it means is unknown


def read_providers(files: Mapping[str, str]) -> Trust:
    """The providers of these files, by file name. A table that cannot be read is a problem, and the others stand."""
    providers: dict[str, TrustedProvider] = {}
    problems: list[str] = []
    whole = True
    for file, text in sorted(files.items()):
        try:
            tables, wrong = toml.tables(toml.document(text), "provider")
        except toml.NotToml as error:
            problems.append(f"{file} is not TOML: {error}")
            whole = False
            continue
        problems += [f"{file}: {each}" for each in wrong]
        whole = whole and not wrong
        for place, table in enumerate(tables, 1):
            provider, faults = _read(table)
            if provider is not None and any(provider.issuer == other.issuer for other in providers.values()):
                faults.append("another provider has this issuer")
            if provider is not None and provider.id in providers:
                faults.append("another provider has this id")
            problems += [f"{file}, {table.get('id') or f'table {place}'}: {fault}" for fault in faults]
            if provider is not None and not faults:
                providers[provider.id] = provider
    return Trust(providers, tuple(problems), whole)


def _read(table: Mapping[str, Any]) -> tuple[TrustedProvider | None, list[str]]:
    try:
        provider = msgspec.convert(table, TrustedProvider)
    except msgspec.ValidationError as error:
        return None, [str(error)]
    faults = [f"{each} is empty" for each in ("id", "organisation", "name", "client_id") if not getattr(provider, each)]
    if not provider.algorithms or not ALGORITHMS.issuperset(provider.algorithms):
        faults.append(f"algorithms may hold {', '.join(sorted(ALGORITHMS))}, and at least one of them")
    if unknown := sorted(set(provider.roles.map.values()) - set(ROLES)):
        faults.append(f"{', '.join(unknown)} is not a role here; they are {', '.join(ROLES)}")
    if not is_safe(provider.issuer) or "?" in provider.issuer:
        faults.append("issuer is an https address (http only on this machine), without query or fragment")
    if "openid" not in provider.scopes:
        faults.append("scopes holds openid")
    if provider.client_auth not in ("client_secret", "private_key_jwt"):
        faults.append("client_auth is client_secret or private_key_jwt")
    if provider.client_auth == "private_key_jwt" and not provider.credentials:
        faults.append("private_key_jwt needs credentials, the name of a secret that holds the private key")
    if provider.roles.place not in ("id_token", "userinfo"):
        faults.append("roles.place is id_token or userinfo")
    if provider.roles.code and not (provider.roles.id and provider.roles.organisation):
        faults.append("roles.code needs roles.id and roles.organisation")
    return provider, faults


def is_safe(address: str) -> bool:
    """An https address, or http on the loopback; no user name, no fragment."""
    try:
        parts = urlsplit(address)
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        return (parts.scheme == "https" or local) and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        return False
