"""Who may ask the FHIR API? The operator's words for it: add a client, list them, revoke one, print a token."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from rich.console import Console

from carerecord.contracts.identity import (
    ADD_CLIENT,
    CLIENTS,
    ISSUE,
    REVOKE_CLIENT,
    AddClientAsked,
    ClientsAsked,
    IssueAsked,
    RevokeClientAsked,
)
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from carerecord.kit.calls import Calls
from carerecord.kit.errors import NotAcceptable

Ways = Callable[[], AbstractAsyncContextManager[Calls]]
_LASTS = re.compile(r"(\d{1,6})([smh])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """8h, 30m or 900s.

    Raises:
        NotAcceptable: it is written in another way.
    """
    found = _LASTS.match(text)
    if found is None:
        raise NotAcceptable("How long a token lasts is written 8h, 30m or 900s.")
    return float(found[1]) * _SECONDS[found[2]]


async def add(
    ways: Ways, name: str, organisation: str, scopes: Sequence[str], keys: str, on_invalid: str, source: str = "",
    acts_for: str = "", *, must_match: bool = False, chooses_ids: bool = True,
) -> None:  # fmt: skip
    """Prints the id, and the secret where the client brings no keys: this once.

    Raises:
        NotAcceptable: the registry has no such source.
    """
    told = tuple(each for text in scopes for each in text.replace(",", " ").split())
    async with ways() as calls:
        alone = await _kept_here_alone(calls, source) if source else ()
        asked = AddClientAsked(
            name, organisation, told, jwks=keys, on_invalid=on_invalid, source=source, acts_for=acts_for,
            must_match=must_match, chooses_ids=chooses_ids,
        )  # fmt: skip
        added = await calls.ask(ADD_CLIENT, asked)
    print(f"id      {added.client.id}")
    if alone:
        kept = f"while {', '.join(alone)} of {source} are kept here alone"
        print(f"        {kept}, its changes say which version they replace (If-Match)")
    if added.secret:
        print(f"secret  {added.secret}")


async def _kept_here_alone(calls: Calls, source: str) -> tuple[str, ...]:
    """The sections of a source of which there is no other copy to mend a lost update by."""
    registry = (await calls.ask(REGISTRY, RegistryAsked())).registry
    found = next((each for each in registry.sources if each.id == source), None) if registry else None
    if found is None:
        raise NotAcceptable("The registry has no source of that id; `carerecord sources list` tells those that there are.")
    return tuple(each.section for each in found.sections if each.arrangement == "master")


async def every(ways: Ways, out: Console) -> None:
    async with ways() as calls:
        found = await calls.ask(CLIENTS, ClientsAsked())
    for each in found:
        since = f"since {each.made_at[:10]}{', revoked' if each.revoked else ''}"
        for line in (f"{each.id}  {each.name} ({each.organisation}, {since})", f"    {' '.join(each.scopes)}"):
            out.print(line, markup=False, highlight=False, soft_wrap=True)


async def revoke(ways: Ways, client: str) -> None:
    async with ways() as calls:
        row = await calls.ask(REVOKE_CLIENT, RevokeClientAsked(client))
    print(f"{row.id}  {row.name}: revoked, with all its tokens")


async def token(ways: Ways, client: str, ttl: str) -> None:
    """Prints a bearer token alone, as a program reads it."""
    lasts = seconds(ttl)
    async with ways() as calls:
        print((await calls.ask(ISSUE, IssueAsked(client, lasts))).access_token)
