"""Which roles does a provider's word give? From its claims to ours; what is not understood or not its to give is dropped."""

from collections.abc import Mapping
from typing import Any

from carerecord.contracts.actors import Role
from carerecord.identity.registry import ROLE_CODES, TrustedProvider


def roles_from(claims: Mapping[str, Any], provider: TrustedProvider) -> tuple[Role, ...]:
    """The roles in which this user may act, in the provider's order, each once. May be none."""
    told = claims.get(provider.roles_claim)
    read = _national if provider.roles_shape == "cis2" else _plain
    found = (read(each, provider) for each in (told if isinstance(told, list) else ()))
    return tuple({role.id: role for role in found if role is not None}.values())


def _national(told: Any, provider: TrustedProvider) -> Role | None:
    """One entry of CIS2's `nhsid_nrbac_roles`: `person_roleid`, `org_code`, `role_code` (S:G:R) and words."""
    if not isinstance(told, dict) or not isinstance(told.get("person_roleid"), str):
        return None
    organisation = str(told.get("org_code", ""))
    word = str(told.get("role_code", ""))
    title = str(told.get("job_title") or told.get("role_name") or "").rsplit('":"', 1)[-1].strip('"')
    return _role(told["person_roleid"], word, organisation, title, provider)


def _plain(told: Any, provider: TrustedProvider) -> Role | None:
    """A word, "SocialWorker", in the provider's own organisation; or "SocialWorker@ODS" in one that it may speak for."""
    if not isinstance(told, str):
        return None
    word, _, organisation = told.partition("@")
    return _role(told, word, organisation or provider.organisation, "", provider)


def _role(id: str, word: str, organisation: str, title: str, provider: TrustedProvider) -> Role | None:
    code = provider.roles.get(word)
    if not id or code is None or organisation not in provider.organisations:
        return None
    return Role(id, code, title or ROLE_CODES[code], organisation, provider.organisations[organisation])
