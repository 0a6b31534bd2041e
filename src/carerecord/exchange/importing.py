"""How does a client send very much at once? Lines of NDJSON, taken as they come; what became of each is asked afterwards.

Nothing is held here but a part of some megabytes: lines that have come are sealed by holdings before more are read.
"""

import codecs
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Final

import orjson
import zstandard
from msgspec.structs import replace
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from carerecord.contracts.bulk import Load, LoadAsked, LoadFaultsAsked, LoadNamed, LoadPart
from carerecord.contracts.holdings import LOAD, LOAD_CANCEL, LOAD_FAULTS, LOAD_PART, LOAD_STATE, Issue, Reach
from carerecord.exchange.answers import outcome, written
from carerecord.exchange.exporting import NDJSON, asked_for
from carerecord.exchange.formats import NotTaken, TooLarge
from carerecord.exchange.owners import OWNED_ELSEWHERE
from carerecord.exchange.visit import Visit
from carerecord.kit.calls import Calls
from carerecord.kit.errors import CareRecordError, NotUnderstood, Refused, Unavailable

MOST_LINE: Final = 10_000_000  # bytes of one resource
MOST_BYTES: Final = 20_000_000_000  # of one import
PART: Final = 2_000_000
MOST_TIMES: Final = 200  # as much again as resources pack down to, and more
_ALWAYS_UNPACKED: Final = 50_000_000
_STEP: Final = 262_144  # bytes unpacked at once
_FORMATS: Final = frozenset((NDJSON, "application/ndjson", "application/x-ndjson"))


async def begin(visit: Visit) -> Response:
    """The kick-off, with the lines as its body. Answered when all have come: from then on they are filed, whatever happens to us.

    Raises:
        NotUnderstood: it is not asked for as asynchronous. NotTaken: another format. TooLarge: more than is taken at once.
        Refused: the scopes do not allow to create and update.
    """
    if "respond-async" not in asked_for(visit):
        raise NotUnderstood("An import takes a while: send Prefer: respond-async.")
    if visit.request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _FORMATS:
        raise NotTaken(f"Send {NDJSON}: one resource a line.")
    client = await visit.face.masters.client(visit.client)
    asked = LoadAsked(both_made_and_changed(visit), client, tuple(OWNED_ELSEWHERE), visit.request_id)
    load = await visit.face.calls.ask(LOAD, asked)
    try:
        async with aclosing(_sent(visit)) as chunks:
            await fed(visit.face.calls, load.id, asked, chunks)
    except BaseException as broken:
        with suppress(CareRecordError):
            await visit.face.calls.ask(LOAD_CANCEL, LoadNamed(load.id, visit.client, visit.request_id))
        if isinstance(broken, ClientDisconnect):
            raise NotUnderstood("The lines broke off, and none of them is kept. Send them again.") from None
        raise
    return Response(status_code=202, headers={"Content-Location": f"{visit.base}/_import/{load.id}"})


async def fed(calls: Calls, load: str, asked: LoadAsked, chunks: AsyncIterator[bytes]) -> None:
    """Cut what comes into parts at the ends of lines, and hand them on. A line that is too long becomes an empty one.

    Raises:
        TooLarge: more bytes than are taken in one import. NotUnderstood: it is packed and does not say so, or is not UTF-8.
    """
    press = zstandard.ZstdCompressor(level=1)
    ready, tail = bytearray(), bytearray()
    too_long: list[int] = []
    number, first, line, came, skipping = 0, 1, 1, 0, False

    async def hand_on(*, last: bool = False) -> None:
        nonlocal number, first
        part = LoadPart(
            load, number, first, press.compress(bytes(ready)), asked.client, tuple(too_long), last, line - 1 if last else 0
        )
        await calls.ask(LOAD_PART, part)
        number, first = number + 1, line
        ready.clear()
        too_long.clear()

    async for sent in chunks:
        chunk = sent if came else _begun(sent)
        came += len(sent)
        if came > MOST_BYTES:
            raise TooLarge(f"At most {MOST_BYTES:,} bytes are taken in one import.")
        end = chunk.rfind(b"\n") + 1
        if end:
            if skipping:
                skipping, cut = False, chunk.index(b"\n")
                whole = chunk[cut:end]
            else:
                ready += tail
                whole = chunk[:end]
            tail.clear()
            ready += whole
            line += whole.count(b"\n")
        if not skipping:
            tail += chunk[end:]
            if len(tail) > MOST_LINE:
                skipping = True
                too_long.append(line)
                tail.clear()
        if len(ready) >= PART:
            await hand_on()
    if tail or skipping:
        ready += tail
        line += 1
    await hand_on(last=True)


def _begun(chunk: bytes) -> bytes:
    """Where lines begin: behind the mark of UTF-8, as Windows writes it."""
    if chunk.startswith(b"\x1f\x8b"):
        raise NotUnderstood("The lines are packed: send Content-Encoding: gzip with them.")
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise NotUnderstood("The lines are written in UTF-16: FHIR is written in UTF-8.")
    return chunk.removeprefix(codecs.BOM_UTF8)


async def state(visit: Visit) -> Response:
    """How far it is; what became of it once it is done. Whoever looks is told to holdings as the registry has them by now."""
    named = _named(visit)
    with suppress(Unavailable):  # that is asked again at the next look
        named = replace(named, client=await visit.face.masters.client(visit.client))
    found = await visit.face.calls.ask(LOAD_STATE, named)
    if found.state == "failed":
        says = f"The import failed after {found.read:,} lines; {found.kept:,} resources were kept. Begin it again."
        return outcome(500, Issue("error", "exception", "", says))
    if found.state != "done":
        headers = {"X-Progress": f"{found.read:,} of {found.lines:,} lines", "Retry-After": "2"}
        return Response(status_code=202, headers=headers)
    return Response(orjson.dumps(_report(visit, found)), media_type="application/json")


def _report(visit: Visit, found: Load) -> dict[str, object]:
    where = f"{visit.base}/_import/{found.id}"
    errors = [{"type": "OperationOutcome", "url": f"{where}/errors", "count": found.refused}] if found.refused else []
    return {
        "transactionTime": found.at, "request": f"{visit.base}/$import", "requiresAccessToken": True, "lines": found.lines,
        "kept": found.kept, "refused": found.refused, "output": [], "error": errors,
    }  # fmt: skip


async def cancel(visit: Visit) -> Response:
    """What has been filed stays."""
    await visit.face.calls.ask(LOAD_CANCEL, _named(visit))
    return Response(status_code=202)


async def errors(visit: Visit) -> Response:
    """An OperationOutcome for each line that was not kept."""
    found = await visit.face.calls.ask(LOAD_STATE, _named(visit))
    return StreamingResponse(_outcomes(visit, found), media_type=NDJSON)


async def _outcomes(visit: Visit, found: Load) -> AsyncIterator[bytes]:
    after = 0
    while True:
        asked = LoadFaultsAsked(found.id, visit.client, after, visit.request_id)
        told = await visit.face.calls.ask(LOAD_FAULTS, asked)
        if told.faults:
            yield b"".join(outcome_of(line, issues) + b"\n" for line, _, issues in told.faults)
        if not told.next:
            break
        after = told.next
    if found.refused > found.told:
        says = f"{found.refused - found.told:,} more lines were refused. Mend those that are told and send all again."
        yield written([Issue("error", "too-costly", "", says)]) + b"\n"


def outcome_of(line: int, issues: tuple[Issue, ...]) -> bytes:
    return written(Issue(each.severity, each.code, each.path, f"Line {line}: {each.says}") for each in issues)


async def _sent(visit: Visit) -> AsyncGenerator[bytes, None]:
    """The body as it comes, unpacked in small steps."""
    encoding = visit.request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        async for part in visit.request.stream():
            yield part
        return
    if encoding not in ("gzip", "x-gzip"):
        raise NotTaken("A body is sent as it is, or with Content-Encoding: gzip.")
    unpacker, came, made = zlib.decompressobj(31), 0, 0
    async for part in visit.request.stream():
        came += len(part)
        left = part
        while left:
            try:
                step = unpacker.decompress(left, _STEP)
            except zlib.error:
                raise NotUnderstood("The body is not what gzip writes.") from None
            made += len(step)
            if made > max(_ALWAYS_UNPACKED, came * MOST_TIMES):
                raise TooLarge(f"Nothing is read that is packed {MOST_TIMES} times.")
            if step:
                yield step
            left = unpacker.unconsumed_tail
            if unpacker.eof:
                break
    if not unpacker.eof or unpacker.unused_data:
        raise NotUnderstood("The body is not what gzip writes, once and whole.")


def both_made_and_changed(visit: Visit) -> Reach:
    """Raises Refused: the scopes allow it of no type."""
    made, changed = visit.reach("c").types, visit.reach("u").types
    types = changed if "*" in made else made if "*" in changed else tuple(sorted(set(made) & set(changed)))
    if not types:
        raise Refused("The token's scopes do not allow an import: it needs c and u of a type.", rule="scope")
    return Reach(types, veiled_for=visit.client.organisation)


def _named(visit: Visit) -> LoadNamed:
    return LoadNamed(str(visit.request.path_params["id"]), visit.client, visit.request_id)
