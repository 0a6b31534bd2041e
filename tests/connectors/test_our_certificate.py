"""The Spine wants to see our certificate: it is shown where a source names one, and only there."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from carerecord.connectors.certificate import certificate_of
from carerecord.connectors.site import Site
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import Denied, WebTrouble
from carerecord.region.servers.certificates import Authority
from carerecord.region.servers.http import Listener, Reply


@dataclass
class Spine:
    listener: Listener
    web: Web
    ca: str
    ours: str

    async def ask(self, certificate_file: str = "") -> int:
        site = Site(self.listener.address, ca_file=self.ca, certificate_file=certificate_file)
        return (await self.web.get(site, "metadata", until=asyncio.get_running_loop().time() + 2.0)).status


@pytest.fixture
async def spine(tmp_path: Path) -> AsyncIterator[Spine]:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca)
    ours = authority.good()
    (tmp_path / "ours.pem").write_bytes(ours.key + ours.chain)
    context = authority.good().context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.ca.decode())
    listener, web = Listener(lambda _: Reply(b"{}"), context), Web(lambda _: "")
    await listener.listen()
    yield Spine(listener, web, str(tmp_path / "ca.pem"), str(tmp_path / "ours.pem"))
    await web.close()
    await listener.refuse()


async def test_our_certificate_is_shown_to_who_wants_to_see_it(spine: Spine):
    assert await spine.ask(spine.ours) == 200


async def test_without_it_there_is_no_answer(spine: Spine):
    with pytest.raises(WebTrouble):
        await spine.ask()


async def test_a_certificate_that_is_missing_here_is_said_to_be_ours(spine: Spine):
    with pytest.raises(Denied, match="Our own certificate"):
        await spine.ask(str(Path(spine.ours).with_name("gone.pem")))


async def test_a_missing_file_of_whom_to_trust_is_said_and_stops_nobody(spine: Spine):
    gone = str(Path(spine.ca).with_name("gone.pem"))
    with pytest.raises(Denied, match="ca_file"):
        await spine.web.get(Site(spine.listener.address, ca_file=gone), "metadata", until=asyncio.get_running_loop().time() + 2.0)
    assert await certificate_of(Site(spine.listener.address, ca_file=gone), within_s=1.0) is None
