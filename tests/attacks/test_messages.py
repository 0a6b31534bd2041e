"""What can somebody do who reaches the door for messages? Cases 60 to 63: who sends, what, whom it may join, how it shows."""

import asyncio
import io
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.ingest.a_hospital import (
    LAB,
    PAS,
    SENT,
    Hospital,
    Line,
    a_door,
    a_hospital,
    adt,
    framed,
    listening,
    receiving,
    said,
)

from carerecord.contracts.patients import REVIEWS, WHO, ReviewsAsked, WhoAsked
from carerecord.contracts.sources import Registry, Sender
from carerecord.ingest import mllp
from carerecord.ingest.framing import NO_ROOM, Framing
from carerecord.ingest.head import Form, Head
from carerecord.ingest.journal.arrivals import ASIDE_BYTES, Arrival
from carerecord.ingest.kinds import fault_in
from carerecord.ingest.mllp import UNANSWERED, Connection, Desk, Listener, tls_of
from carerecord.ingest.receiving import Receiving
from carerecord.ingest.senders import Proof, Refusal, Senders
from carerecord.kit.clock import SystemClock
from carerecord.kit.log import configure, log_for
from carerecord.region.servers.certificates import Authority, Certificate


class Trust:
    """An authority that signs for both ends, and the files of it."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.folder = Authority(), folder
        (folder / "ca.pem").write_bytes(self.authority.ca)
        self.ours = self._file("ours", self.authority.good())

    def _file(self, name: str, made: Certificate) -> str:
        file = self.folder / f"{name}.pem"
        file.write_bytes(made.key + made.chain)
        return str(file)

    def door(self, refused: Callable[[Refusal], None]) -> ssl.SSLContext:
        return tls_of(self.ours, str(self.folder / "ca.pem"), refused)

    def client(self, name: str, *, made: Certificate | None = None) -> tuple[ssl.SSLContext, str]:
        """How this client connects, and its fingerprint as a sender's row has it."""
        made = made or self.authority.good()
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.load_cert_chain(self._file(name, made))
        der = ssl.PEM_cert_to_DER_cert(made.chain.decode())
        return context, f"sha256:{sha256(der).hexdigest()}"


def with_certificate(sender: Sender, *names: str) -> Sender:
    return msgspec.structs.replace(sender, certificates=names)


@asynccontextmanager
async def guarded(service_database: Any, trust: Trust, *senders: Sender) -> AsyncIterator[tuple[Hospital, Receiving, int]]:
    """A door with mutual TLS, and its refusals in the book."""
    async with a_door(service_database, senders=senders) as hospital:
        book = receiving(hospital)
        async with listening(hospital, tls=trust.door(book.refused), plaintext=False) as (desk, port):
            desk.refused = book.refused
            yield hospital, book, port


async def in_the_book(hospital: Hospital, book: Receiving) -> list[tuple[str, str, tuple[str, ...]]]:
    if book._refusals:
        await asyncio.wait(book._refusals)
    rows = await hospital.db.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")
    lines = [json.loads(row["body"]) for row in rows]
    return [(line["what"], line["rule"], tuple(line["sources"])) for line in lines]


# --- case 60: who may send


async def test_a_sender_with_its_certificate_is_taken(service_database: Any, tmp_path: Path):
    trust = Trust(tmp_path)
    way, shown = trust.client("pas")
    async with guarded(service_database, trust, with_certificate(PAS, shown)) as (hospital, _, port):
        line = await Line.to(port, ssl=way, server_hostname="127.0.0.1")

        assert (await line.send(adt()))[0] == "AA"
        assert await hospital.journalled() == 1


def test_an_encrypted_line_is_taken_on_the_loop_that_serves(tmp_path: Path):
    """`carerecord serve` runs on uvloop, which reads as soon as a connection is made; tests run on another loop."""
    trust = Trust(tmp_path)
    way, shown = trust.client("pas")

    async def told() -> list[str]:
        async with willing(with_certificate(PAS, shown), trust.door(lambda refusal: None)) as port:
            lines = [await Line.to(port, ssl=way, server_hostname="127.0.0.1") for _ in range(5)]
            return [(await each.send(adt()))[0] for each in lines]

    assert uvloop.run(told()) == ["AA"] * 5


@pytest.mark.parametrize("who", ["nobody", "somebody the registry does not know"])
async def test_without_a_certificate_of_a_sender_the_line_ends_and_it_stands_in_the_book(
    service_database: Any, tmp_path: Path, who: str
):
    trust = Trust(tmp_path)
    _, known = trust.client("pas")
    way = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    if who != "nobody":
        way, _ = trust.client("stranger")
    async with guarded(service_database, trust, with_certificate(PAS, known)) as (hospital, book, port):
        line = await Line.to(port, ssl=way, server_hostname="127.0.0.1")
        line.writer.write(framed(adt()))

        assert await _ended(line)
        assert await in_the_book(hospital, book) == [("message-refused", "sender/certificate", ())]
        assert await hospital.journalled() == 0


@pytest.mark.parametrize("why", ["unable to get local issuer certificate", "certificate has expired"])
async def test_a_certificate_that_cannot_stand_gets_no_connection_and_the_book_and_the_log_say_so(
    service_database: Any, tmp_path: Path, why: str
):
    trust = Trust(tmp_path)
    if why == "certificate has expired":
        way, shown = trust.client("old", made=trust.authority.expired())
    else:
        way, shown = trust.client("forged", made=Authority("Pretend region authority").good())
    async with guarded(service_database, trust, with_certificate(PAS, shown)) as (hospital, book, port):
        with capture_logs() as told, pytest.raises((OSError, ssl.SSLError, asyncio.IncompleteReadError)):
            await _sent(port, way)

        assert await hospital.journalled() == 0
        assert await in_the_book(hospital, book) == [("message-refused", "sender/certificate", ())]
        assert [each["because"] for each in told] == [f"A client certificate that cannot stand: {why}."]


async def test_whoever_is_turned_away_is_told_of_by_the_certificate_that_was_shown_as_a_table_writes_it(
    service_database: Any, tmp_path: Path
):
    trust = Trust(tmp_path)
    (_, known), (way, stranger) = trust.client("pas"), trust.client("stranger")
    async with guarded(service_database, trust, with_certificate(PAS, known)) as (hospital, book, port):
        with capture_logs() as told:
            assert await _ended(await Line.to(port, ssl=way, server_hostname="127.0.0.1"))

        assert await in_the_book(hospital, book) == [("message-refused", "sender/certificate", ())]
        assert [(each["certificate"][0], each["at"]) for each in told] == [(stranger, "127.0.0.1")]
        assert book.metrics.turned_away.labels("ingest", "sender/certificate")._value.get() == 1


@pytest.mark.parametrize("first", [framed(adt()), b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_comes_without_encryption_where_it_must_not_stands_in_the_book(
    service_database: Any, tmp_path: Path, first: bytes
):
    trust = Trust(tmp_path)
    async with guarded(service_database, trust, with_certificate(PAS, "sha256:" + "a" * 64)) as (hospital, book, port):
        with capture_logs() as told:
            line = await Line.to(port)
            line.writer.write(first)
            assert await _ended(line)

        assert await in_the_book(hospital, book) == [("message-refused", "sender/plaintext", ())]
        assert [each["because"] for each in told] == ["What came was not encrypted: this door takes TLS alone."]
        assert await hospital.journalled() == 0


async def test_a_sender_that_does_not_trust_our_certificate_stands_in_the_log_with_the_reason(
    service_database: Any, tmp_path: Path
):
    trust = Trust(tmp_path)
    (tmp_path / "other.pem").write_bytes(Authority().ca)
    way = ssl.create_default_context(cafile=str(tmp_path / "other.pem"))
    async with guarded(service_database, trust, with_certificate(PAS, "sha256:" + "a" * 64)) as (hospital, book, port):
        with capture_logs() as told, pytest.raises(ssl.SSLError):
            await asyncio.to_thread(_shaken, port, way)
        while not told:
            await asyncio.sleep(0.01)

        assert await in_the_book(hospital, book) == [("message-refused", "sender/handshake", ())]
        assert [each["because"] for each in told] == ["No encrypted connection came about: tlsv1 alert unknown ca."]


async def test_a_certificate_of_ours_that_is_renewed_is_shown_without_a_restart_and_cuts_nobody_off(
    service_database: Any, tmp_path: Path
):
    trust = Trust(tmp_path)
    way, shown = trust.client("pas")
    async with a_door(service_database, senders=(with_certificate(PAS, shown),)) as hospital:
        files = (Path(trust.ours), tmp_path / "ca.pem")
        book: Receiving = receiving(hospital, host="127.0.0.1", tls=lambda: trust.door(book.refused), certificates=files)
        await book.look()
        await book.open()
        try:
            before = await Line.to(book.port_open, ssl=way, server_hostname="127.0.0.1")
            shown_before = _shown(before)
            files[0].write_bytes(b"half of it")
            with capture_logs() as told:
                book.renew()
            assert [each["event"] for each in told] == ["mllp.certificate_unreadable"]
            assert _shown(await Line.to(book.port_open, ssl=way, server_hostname="127.0.0.1")) == shown_before

            made = trust.authority.good()
            files[0].write_bytes(made.key + made.chain)
            book.renew()
            after = await Line.to(book.port_open, ssl=way, server_hostname="127.0.0.1")

            assert _shown(after) != shown_before
            assert [
                (await each.send(adt(control=str(number), number=f"M{number}")))[0] for number, each in enumerate((before, after))
            ] == ["AA"] * 2
        finally:
            for each in Line.opened:
                await each.close()
            Line.opened.clear()
            await book.close()


def _shaken(port: int, way: ssl.SSLContext) -> None:
    """As engines do it: asyncio hangs up without telling the other end why."""
    with socket.create_connection(("127.0.0.1", port), 5) as plain, way.wrap_socket(plain, server_hostname="127.0.0.1"):
        pass


def _shown(line: Line) -> bytes:
    return bytes(line.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))


async def _sent(port: int, way: ssl.SSLContext) -> bytes:
    line = await Line.to(port, ssl=way, server_hostname="127.0.0.1")
    line.writer.write(framed(adt()))
    return await line.answer()


async def test_in_the_name_of_another_sender_it_is_refused_in_words_and_the_line_ends(service_database: Any, tmp_path: Path):
    trust = Trust(tmp_path)
    (way, pas), (_, lab) = trust.client("pas"), trust.client("lab")
    async with guarded(service_database, trust, with_certificate(PAS, pas), with_certificate(LAB, lab)) as (hospital, book, port):
        line = await Line.to(port, ssl=way, server_hostname="127.0.0.1")

        code, _, says = await line.send(adt(application="LAB"))

        assert (code, says) == ("AR", "MSH-3 and MSH-4 are those of another sender than this connection's certificate.")
        assert await _ended(line)
        assert await in_the_book(hospital, book) == [("message-refused", "sender/another", ("fenwick-lab",))]
        assert await hospital.journalled() == 0


async def test_who_has_a_certificate_is_never_taken_without_it(service_database: Any, tmp_path: Path):
    async with a_door(service_database, senders=(with_certificate(PAS, "sha256:" + "a" * 64), LAB)) as hospital:
        async with listening(hospital) as (_, port):
            line = await Line.to(port)

            assert (await line.send(adt()))[0] == "AR"
            assert await _ended(line)
        assert [each.rule for each in hospital.refusals] == ["sender/certificate"]


def test_the_attack_succeeds_where_nobody_looks_at_the_certificate(monkeypatch: pytest.MonkeyPatch):
    """The guard is `Senders.of`: without it a laboratory's connection speaks for the hospital."""
    senders = Senders(b"k")
    senders.take(Registry("1", (), senders=(with_certificate(PAS, "sha256:a"), with_certificate(LAB, "sha256:b"))))
    head = Head(Form(b"|", b"^~\\&", b"LAB", b"R1A"))
    assert isinstance(senders.of(head, Proof(("sha256:a",))), Refusal)

    monkeypatch.setattr(Senders, "of", lambda self, head, proof: next(each for each in self.rows if each.id == "fenwick-lab"))
    assert senders.of(head, Proof(("sha256:a",))).id == "fenwick-lab"  # type: ignore[union-attr]


async def _ended(line: Line) -> bool:
    try:
        return await line.ended()
    except TimeoutError:
        return False
    except (OSError, ssl.SSLError):
        return True


# --- case 61: what is sent


@pytest.mark.parametrize(
    "raw",
    [
        adt(family=r"MARLOW\X0D\ZZZ|1"),
        adt().replace(b"|2.4\r", b"|2.4|||||||\xff\xfe\r", 1),
        b"MSH|^~\\&|PAS|R1A|CARE|ROUTE|20261101||ADT^A28|1|P|2.4\r" + b"PID|" * 20_000,
        b"MSH|^~\\&|PAS|R1A|CARE|ROUTE|20261101||ADT^A28|1|P|2.4\r" + b"~" * 500_000,
        b"MSH||||||||||||||||||||||\r",
        b"\x00" * 10_000,
        adt().replace(b"\r", b"\n"),
    ],
)
async def test_an_odd_message_is_answered_and_the_door_stays_open(service_database: Any, raw: bytes):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        await line.send(adt(control="0", number="M0"))

        code, _, _ = await line.send(raw)

        assert code in ("AA", "AE", "AR")
        assert (await line.send(adt(control="9", number="M9")))[0] == "AA"


async def test_fifty_megabytes_without_an_end_are_answered_ae_and_do_not_stay_in_memory(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital, most_bytes=1_000_000, half_s=0.5) as (desk, port):
        line, other = await Line.to(port), await Line.to(port)
        await line.write(b"\x0b" + adt(control="BIG"))
        for _ in range(50):
            await line.write(b"A" * 1_000_000)
        held = max(len(each._framing._buffer) for each in desk.connections)

        assert said(await line.answer())[:2] == ("AE", "BIG")
        assert held < 2_000_000
        assert (await other.send(adt()))[0] == "AA"
        assert [each[0] for each in await hospital.stuck()] == ["unreadable"]


@hypothesis.settings(max_examples=20, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(junk=st.lists(st.binary(max_size=200), min_size=1, max_size=10))
def test_no_bytes_drop_a_connection_or_hang_it(junk: list[bytes]):
    """The protocol alone, with a journal that is always willing: whatever came, the next whole message is answered."""
    asyncio.run(_fuzzed(junk))


async def _fuzzed(junk: list[bytes]) -> None:
    async with willing(PAS) as port:
        line = await Line.to(port)
        for each in junk:
            await line.write(each)
        await line.write(b"\x1c\r" + framed(adt(control="LAST")))
        while said(await line.answer(5))[1] != "LAST":
            pass


class Willing:
    """A journal that keeps nothing and says that it does."""

    mark = b"x"

    def __init__(self) -> None:
        self.answered: list[Callable[[], None]] = []

    def put(self, arrival: Arrival) -> None:
        asyncio.get_running_loop().call_soon(self._durable, arrival)

    def _durable(self, arrival: Arrival) -> None:
        arrival.kept(arrival)
        for heard in self.answered:
            heard()


@asynccontextmanager
async def willing(sender: Sender, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A door without a database behind it."""
    senders = Senders(b"k")
    senders.take(Registry("1", (), senders=(sender,)))
    told = (Willing(), senders, SystemClock(), log_for("x"), fault_in, lambda refusal: None)
    listener = Listener(Desk(*told, plaintext=tls is None), "127.0.0.1", 0, tls)  # type: ignore[arg-type]
    await listener.open()
    try:
        yield listener.port
    finally:
        for each in Line.opened:
            await each.close()
        Line.opened.clear()
        await listener.close(within_s=1)


async def test_a_batch_of_thousands_never_stands_in_the_way_of_others_with_more_than_a_few_hundred(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line, other = await Line.to(port), await Line.to(port)
        many = b"".join(adt(number=f"M{each}", control=f"{each}") for each in range(5_000))
        await line.write(framed(b"BHS|^~\\&|PAS|R1A\r" + many + b"BTS|5000\r"))

        before: list[int] = []
        while await hospital.journalled() - len(before) < 5_000:
            before.append(len(hospital.journal._waiting))
            assert (await other.send(adt(number=f"O{len(before)}", control=f"O{len(before)}")))[0] == "AA"

        assert said(await line.answer())[0] == "AA"
        assert len(before) > 3
        assert max(before) <= UNANSWERED


async def test_a_flood_of_tiny_messages_is_taken_in_turns(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, _):
        flood, other = Connection(desk), Connection(desk)
        for each in (flood, other):
            each.connection_made(Wire())
        flood.data_received(framed(adt()))
        flood.data_received(b"\x0b\x1c\r" * 80_000)
        taken = len(hospital.journal._waiting)
        other.data_received(framed(adt(number="M2")))

        assert taken < 80_000, "the rest when others have had their turn"
        assert hospital.journal._waiting[-1].raw == adt(number="M2")
        for each in (flood, other):
            each.connection_lost(None)
            each._framing = Framing(1)
        await hospital.journal.settled()


async def test_a_flood_of_messages_in_nobodys_name_is_answered_in_turns(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, _):
        flood = Connection(desk)
        flood.connection_made(Wire())
        flood.data_received(framed(adt(application="NOBODY")) * 20_000)
        answered = b"".join(flood._out).count(b"MSA|AR")
        async with asyncio.timeout(30):
            while flood._more:
                await asyncio.sleep(0.01)
        flood.connection_lost(None)

    assert 0 < answered < 20_000, "the rest when others have had their turn"


async def test_nothing_more_is_read_from_who_does_not_fetch_its_answers(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, _):
        deaf, wire = Connection(desk), Wire()
        deaf.connection_made(wire)
        reads = []
        for tell in (deaf.pause_writing, deaf.resume_writing):
            tell()
            reads.append(wire.reads)
        deaf.connection_lost(None)

    assert reads == [False, True]


class Wire(asyncio.Transport):
    """An end to which anything can be said."""

    reads = True

    def write(self, data: bytes) -> None: ...  # type: ignore[override]
    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...


async def test_a_large_message_is_read_in_a_thread_and_what_is_behind_it_stays_behind_it(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, port):
        ours, where = threading.get_ident(), []

        def fault_in(raw: bytes, charset: str = "") -> str:
            where.append((len(raw) > ASIDE_BYTES, threading.get_ident() == ours))
            return ""

        desk.fault_in = fault_in
        line = await Line.to(port)
        large = adt(control="LARGE") + b"NTE|1||" + "\u00e9".encode() * ASIDE_BYTES + b"\r"
        await line.write(framed(large) + framed(adt(number="M2", control="NEXT")))

        assert [said(await line.answer())[:2] for _ in range(2)] == [("AA", "LARGE"), ("AA", "NEXT")]
        assert where == [(True, False), (False, True)]
        seals, row = hospital.journal.seals, (await hospital.db.fetch("SELECT body, digest FROM message ORDER BY id"))[0]
        assert seals.open(row["body"], organisation="R1A", place=row["digest"]) == large


async def test_messages_that_never_end_share_a_room_and_the_largest_gives_its_own_up_and_is_told_so(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital, most_held=2_000_000) as (desk, port):
        lines = [await Line.to(port) for _ in range(4)]
        for place, line in enumerate(lines):
            await line.write(b"\x0b" + adt(control=f"H{place}", number=f"H{place}") + b"NTE|1||" + b"a" * (600_000 + place))
            await asyncio.sleep(0.1)
        held = desk.held
        for line in lines:
            await line.write(b"\r\x1c\r")
        answers = [said(await line.answer()) for line in lines]

        assert held <= 2_000_000
        (turned,) = [place for place, (code, _, _) in enumerate(answers) if code != "AA"]
        assert answers[turned] == ("AR", f"H{turned}", NO_ROOM)
        assert await hospital.journalled() == 3
        assert (await lines[turned].send(adt(number=f"H{turned}")))[0] == "AA"
        assert desk.held == 0


@pytest.mark.parametrize(("unable", "answers"), [("AE", ["AE", "AA"]), ("silence", ["AA"])])
async def test_whoever_finds_no_room_is_told_so_as_its_table_says(service_database: Any, unable: str, answers: list[str]):
    """An engine whose table says AE throws away what it is told AR for."""
    sender = msgspec.structs.replace(PAS, unable=unable)
    async with a_door(service_database, senders=(sender,)) as hospital, listening(hospital, most_held=200_000) as (_, port):
        line = await Line.to(port)
        await line.write(b"\x0b" + adt() + b"NTE|1||" + b"a" * 400_000)
        await asyncio.sleep(0.1)
        await line.write(b"\r\x1c\r" + framed(adt(number="M2")))

        assert [said(await line.answer())[0] for _ in answers] == answers
        assert await hospital.journalled() == 1


async def test_what_has_begun_and_is_small_is_not_given_up_for_the_room_of_others(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital, most_held=0) as (_, port):
        line = await Line.to(port)
        whole = framed(adt())
        await line.write(whole[:100])
        await asyncio.sleep(0.1)
        await line.write(whole[100:])

        assert said(await line.answer())[0] == "AA"


async def test_a_batch_is_counted_as_held_until_it_is_taken(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, _):
        sending = Connection(desk)
        sending.connection_made(Wire())
        batch = b"BHS|^~\\&|PAS|R1A\r" + b"".join(adt(number=f"M{each}") for each in range(800)) + b"BTS|800\r"
        sending.data_received(framed(batch))
        held = desk.held
        async with asyncio.timeout(30):
            while not sending._idle:
                await asyncio.sleep(0.01)

        assert held >= len(batch)
        assert desk.held == 0
        sending.connection_lost(None)


async def test_several_who_send_much_at_once_have_their_turns_one_after_the_other(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, _):
        floods = [Connection(desk) for _ in range(20)]
        for each in floods:
            each.connection_made(Wire())
            each.data_received(framed(adt(application="NOBODY")) * 2_000)
        taken = [bool(each._out) for each in floods]
        async with asyncio.timeout(30):
            while any(each._more for each in floods):
                await asyncio.sleep(0.01)
        for each in floods:
            each.connection_lost(None)

    assert not any(taken[1:]), "who comes while others wait is behind them"


async def test_what_cannot_be_taken_in_its_turn_ends_its_connection_so_that_it_is_sent_again(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, port):
        line, other = await Line.to(port), await Line.to(port)
        await line.send(adt())
        (there,) = [each for each in desk.connections if each._last is not None]
        there._framing.add(framed(adt(number="M2")))
        there._more = there._queued = True
        desk.fault_in = lambda raw, charset="": str(_faulty(raw))
        with capture_logs() as told:
            desk.later(there)
            assert await _ended(line)
        desk.fault_in = lambda raw, charset="": ""

        assert [each["event"] for each in told] == ["mllp.untaken"]
        assert (await other.send(adt(number="M2")))[0] == "AA"


async def test_who_comes_when_the_door_is_full_is_sent_away_and_who_is_there_goes_on(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital, most_connections=3) as (desk, port):
        there = [await Line.to(port) for _ in range(3)]
        for each in there:
            await each.send(adt())
        with capture_logs() as told:
            turned = [await _ended(await Line.to(port)) for _ in range(5)]

        assert turned == [True] * 5
        assert [each["event"] for each in told] == ["mllp.full"], "said once"
        assert [(await each.send(adt()))[0] for each in there] == ["AA"] * 3
        await there[0].close()
        async with asyncio.timeout(5):
            while len(desk.connections) > 2:
                await asyncio.sleep(0.01)
        assert (await (await Line.to(port)).send(adt()))[0] == "AA"


async def test_a_handshake_that_stalls_is_ended_and_holds_no_place(
    service_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mllp, "HANDSHAKE_S", 0.3)
    trust = Trust(tmp_path)
    way, shown = trust.client("pas")
    async with guarded(service_database, trust, with_certificate(PAS, shown)) as (hospital, book, port):
        stalled = [await Line.to(port) for _ in range(5)]
        await stalled[0].write(b"\x16\x03\x01\x02")
        assert (await (await Line.to(port, ssl=way, server_hostname="127.0.0.1")).send(adt()))[0] == "AA"
        assert book.desk is not None
        assert all([await _ended(each) for each in stalled])
        assert await hospital.journalled() == 1


def test_nobody_negotiates_an_encrypted_line_anew(tmp_path: Path):
    assert Trust(tmp_path).door(lambda refusal: None).options & ssl.OP_NO_RENEGOTIATION


async def test_an_end_that_vanishes_without_a_word_is_found_out(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, port):
        await (await Line.to(port)).send(adt())
        (there,) = desk.connections
        assert there._transport is not None
        end = there._transport.get_extra_info("socket")
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def test_nothing_is_taken_behind_a_message_in_the_name_of_another(service_database: Any, tmp_path: Path):
    trust = Trust(tmp_path)
    (way, pas), (_, lab) = trust.client("pas"), trust.client("lab")
    async with guarded(service_database, trust, with_certificate(PAS, pas), with_certificate(LAB, lab)) as (hospital, _, port):
        line = await Line.to(port, ssl=way, server_hostname="127.0.0.1")

        await line.write(framed(adt(application="LAB")) + framed(adt()))

        assert said(await line.answer())[0] == "AR"
        assert await _ended(line)
        assert await hospital.journalled() == 0


# --- case 62: a merge across assigning authorities


async def test_a_merge_across_assigning_authorities_joins_nobody_by_itself(service_database: Any):
    elsewhere = adt("A28", number="X99", control="2", given="ENID", born="19500101").replace(b"X99^^^R1A", b"X99^^^R1B")
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt("A28", number="MRN1", control="1"), elsewhere)
        await hospital.put(adt("A40", number="MRN1", control="3", more=("MRG|X99^^^R1B^MR",)))
        await hospital.file_all()
        await hospital.later(1)
        entries = await hospital.pools["locator"].fetch("SELECT DISTINCT local_id, patient FROM pointer")
        people = [await hospital.calls.ask(WHO, WhoAsked(row["patient"], statements=False)) for row in entries]
        waits = await hospital.calls.ask(REVIEWS, ReviewsAsked())

    assert len(entries) == 2, entries
    assert [len(each.ids) for each in people] == [1, 1], "two entries are two people, until somebody has looked"
    assert len(waits) == 1


# --- case 63: how it shows


async def test_no_word_of_a_message_reaches_a_log_line(service_database: Any):
    written = io.StringIO()
    configure("DEBUG", to=written)
    async with a_hospital(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        for raw in (
            adt(family="QUILLFEATHER", nhs="9990123454"),
            b"QUILLFEATHER 9990123454",
            adt(family="QUILLFEATHER", application="QUILLFEATHER", nhs="9990123454"),
        ):
            await line.send(raw)
        hospital.filer.read = _faulty
        await hospital.put(adt(family="QUILLFEATHER", number="M2", nhs="9990123454"))
        await hospital.file_all()
    configure()

    assert "filing.unread" in written.getvalue()
    assert "QUILLFEATHER" not in written.getvalue()
    assert "9990123454" not in written.getvalue()


def _faulty(raw: bytes, *told: Any) -> Any:
    raise ValueError(raw.decode())


async def test_markup_and_formulas_in_a_field_are_kept_as_text(service_database: Any):
    """How pages show it is held in tests/viewer: `test_a_message_is_read_only_with_a_reason_and_shown_as_text`."""
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt(family="<script>alert(1)</script>", given="=cmd|'/c calc'!A1", at=SENT))
        await hospital.file_all()
        patients = await hospital.history("Patient")

    assert len(patients) == 1
    assert b"<script>alert(1)</script>" in patients[0].text or b"<SCRIPT>" in patients[0].text.upper()


@pytest.mark.soak
@pytest.mark.timeout(1_000)
@pytest.mark.parametrize("target", ["framing", "parser", "message", "xml"])
def test_what_a_fuzzer_makes_by_coverage_ends_in_an_answer_or_a_reason(target: str, tmp_path: Path):
    """In a process of its own; an input that breaks something is left beside what pytest keeps of the test."""
    pytest.importorskip("atheris", reason="there is no wheel of it for this machine: hypothesis fuzzes all the same")
    told = [sys.executable, "-m", "tests.ingest.fuzz", target, "-max_total_time=600", "-timeout=5", "-max_len=4000",
            f"-artifact_prefix={tmp_path}/"]  # fmt: skip
    done = subprocess.run(told, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-4_000:]
