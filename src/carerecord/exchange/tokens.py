"""How does a client come by a token? By client credentials: a signed assertion (SMART Backend Services), or a secret."""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from starlette.responses import JSONResponse, Response

from carerecord.contracts.identity import TOKEN, TokenAsked
from carerecord.exchange.formats import TooLarge
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import CareRecordError, NotSignedIn, NotUnderstood

_MOST_FORM = 50_000
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}


async def token(visit: Visit) -> Response:
    """RFC 6749, section 5."""
    try:
        form = await _form(visit)
        client, secret = _basic(visit) or (form.get("client_id", ""), form.get("client_secret", ""))
        asked = TokenAsked(
            form.get("grant_type", ""), form.get("scope", ""), client, secret,
            form.get("client_assertion_type", ""), form.get("client_assertion", ""), f"{visit.base}/oauth/token",
        )  # fmt: skip
        given = await visit.face.calls.ask(TOKEN, asked)
    except (NotUnderstood, NotSignedIn) as error:
        status = 401 if isinstance(error, NotSignedIn) else 400
        code = error.facts.get("rule", "invalid_request")
        headers = {**_HEADERS, **({"WWW-Authenticate": "Basic"} if status == 401 else {})}
        return JSONResponse({"error": code, "error_description": error.says}, status, headers)
    except CareRecordError as error:
        refused = {"error": "temporarily_unavailable", "error_description": error.says}
        return JSONResponse(refused, error.status, _HEADERS)
    told: dict[str, Any] = {
        "access_token": given.access_token, "token_type": "bearer", "expires_in": given.expires_in, "scope": given.scope,
    }  # fmt: skip
    return JSONResponse(told, 200, _HEADERS)


async def configuration(visit: Visit) -> Response:
    """`/.well-known/smart-configuration`."""
    told: dict[str, Any] = {
        "token_endpoint": f"{visit.base}/oauth/token",
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic", "client_secret_post"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.cruds", "system/*.rs"],
        "capabilities": ["client-confidential-asymmetric", "client-confidential-symmetric", "permission-v1", "permission-v2"],
    }
    return JSONResponse(told)


async def _form(visit: Visit) -> dict[str, str]:
    taken = bytearray()
    async for part in visit.request.stream():
        taken += part
        if len(taken) > _MOST_FORM:
            raise TooLarge("This is longer than any request for a token.")
    try:
        found = parse_qs(taken.decode("utf-8"), keep_blank_values=True, max_num_fields=20)
    except (UnicodeDecodeError, ValueError):
        raise NotUnderstood("Send a form: application/x-www-form-urlencoded.", rule="invalid_request") from None
    if any(len(values) > 1 for values in found.values()):
        raise NotUnderstood("A parameter is given twice.", rule="invalid_request")
    return {name: values[0] for name, values in found.items()}


def _basic(visit: Visit) -> tuple[str, str] | None:
    kind, _, written = visit.request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(written, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotSignedIn("The client could not be verified.", rule="invalid_client") from None
    return unquote_plus(client), unquote_plus(secret)
