"""How does a sign-out reach the provider, and how does one of the provider's reach us?"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from joserfc.util import urlsafe_b64decode

from carerecord.identity.claims import word_of
from carerecord.identity.id_token import check_addressed, check_times, header_of, signed_claims, untrusted
from carerecord.identity.model import Kept
from carerecord.identity.oidc import ProviderClient
from carerecord.identity.registry import Registry
from carerecord.kit.errors import CareRecordError

_EVENT = "http://schemas.openid.net/event/backchannel-logout"


async def logout_address(client: ProviderClient, registry: Registry, kept: Kept) -> str:
    """Where the browser ends the provider's own session (OpenID Connect RP-Initiated Logout 1.0); "" when there is no such place.

    No ID token is kept for a hint: our client id says who sends the user.
    """
    provider = registry.trusted(kept.provider, kept.issuer)
    if provider is None:
        return ""
    try:
        end = (await client.discover(provider)).end_session_endpoint
    except CareRecordError:
        return ""
    query = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": f"{kept.home}/"})
    return f"{end}{'&' if '?' in end else '?'}{query}" if end else ""


@dataclass(frozen=True)
class ToldOut:
    """Who has signed out at the provider: one session of theirs (`sid`), or all of the subject's that were begun before `at`.

    A token that comes twice therefore ends nothing that was begun after it, and its `jti` need not be remembered.
    """

    issuer: str
    subject: str
    sid: str
    at: datetime


async def told_out(token: str, client: ProviderClient, registry: Registry, now: float) -> ToldOut:
    """The checks of Back-Channel Logout 1.0, section 2.6. `now`: seconds since the epoch.

    Raises:
        NotSignedIn: one of them failed; fact `rule`.
        Unavailable: the provider's keys cannot be had.
    """
    issuer = _claimed_issuer(token)
    provider = next((each for each in registry.trust.providers.values() if each.issuer == issuer), None)
    if provider is None:
        raise untrusted("issuer")
    key = await client.key(provider, header_of(token, provider, kind="logout+jwt").kid)
    claims = signed_claims(token, key, provider)
    check_addressed(claims, provider)
    check_times(claims, now)
    events, subject, sid = claims.get("events"), word_of(claims, "sub"), word_of(claims, "sid")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict) or "nonce" in claims:
        raise untrusted("logout")
    # One that cannot be read is not left out: what is told of one session would end all of the subject's.
    odd = [name for name, word in (("sub", subject), ("sid", sid)) if claims.get(name, "") != word]
    if odd or not (subject or sid) or not claims.get("jti"):
        raise untrusted("logout")
    return ToldOut(provider.issuer, subject, sid, datetime.fromtimestamp(claims["iat"], UTC))


def _claimed_issuer(token: str) -> str:
    """Who says that they wrote this: only to choose whose keys to check it with."""
    try:
        claims = msgspec.json.decode(urlsafe_b64decode(token.split(".")[1].encode()), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, IndexError, RecursionError):
        raise untrusted("token") from None
    return str(claims.get("iss", ""))
