"""Who is the user, and which roles does a provider's word give? From its claims to ours; what is not its to give is dropped."""

from collections.abc import Mapping
from typing import Any

from carerecord.contracts.actors import Role
from carerecord.contracts.roles import ROLES
from carerecord.identity.providers import RoleWords, TrustedProvider

LONGEST_WORD = 255  # of a subject or a session: OpenID Connect Core 1.0, section 2
_LONGEST = 200  # of a name as a page shows it
_MOST_WORDS = 5  # of a provider that are told again to who was refused


def roles_from(claims: Mapping[str, Any], provider: TrustedProvider) -> tuple[Role, ...]:
    """The roles in which this user may act, in the provider's order, each id once. May be none."""
    told = _at(claims, provider.roles.claim)
    read = _from_table if provider.roles.code else _from_word
    found = (read(each, provider.roles, provider) for each in _listed(told))
    roles: dict[str, Role] = {}
    for role in found:
        if role is not None:
            roles.setdefault(role.id, role)
    return tuple(roles.values())


def unknown_words(claims: Mapping[str, Any], provider: TrustedProvider) -> tuple[str, ...]:
    """What the provider calls this user's posts where nothing is known here by that word: for whoever manages access."""
    told = _at(claims, provider.roles.claim)
    key = provider.roles.code
    found = (_words(each.get(key) if isinstance(each, dict) else "") if key else _words(each) for each in _listed(told))
    return tuple(dict.fromkeys(word for word in found if word and word not in provider.roles.map))[:_MOST_WORDS]


def name_from(claims: Mapping[str, Any]) -> str:
    """The user's name for pages and the audit book; never a key."""
    parts = (_words(claims.get("given_name")), _words(claims.get("family_name")))
    return _words(claims.get("name")) or " ".join(filter(None, parts)) or "Name not given"


def word_of(claims: Mapping[str, Any], name: str) -> str:
    """A claim that is compared to the letter; "" where it is none that could be kept."""
    told = claims.get(name)
    return told if isinstance(told, str) and len(told) <= LONGEST_WORD and told.isprintable() else ""


def _from_table(told: Any, words: RoleWords, provider: TrustedProvider) -> Role | None:
    """One entry of CIS2's `nhsid_nrbac_roles`: `person_roleid`, `org_code`, `role_code` (S:G:R), `job_title`."""
    if not isinstance(told, dict):
        return None
    organisation = _words(told.get(words.organisation))
    return _role(
        _words(told.get(words.id)),
        _words(told.get(words.code)),
        _words(told.get(words.name)),
        organisation,
        _words(told.get(words.organisation_name)) or (provider.name if organisation == provider.organisation else ""),
        provider,
    )


def _from_word(told: Any, words: RoleWords, provider: TrustedProvider) -> Role | None:
    word = _words(told)
    return _role(word, word, "", provider.organisation, provider.name, provider)


def _role(id: str, word: str, name: str, organisation: str, organisation_name: str, provider: TrustedProvider) -> Role | None:
    code = provider.roles.map.get(word)
    if not id or code is None or not provider.speaks_for(organisation):
        return None
    return Role(id, code, name or ROLES[code], organisation, organisation_name or organisation)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this name, else what stands at the path that its dots make."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _listed(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []


def _words(told: Any) -> str:
    """Text as one printable line; "" for anything that is not text."""
    if not isinstance(told, str):
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in told[:_LONGEST]).split())
