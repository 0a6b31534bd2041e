"""What does a hospital's system know of what it sent? Its own journal, by which a test judges what became of it."""

import asyncio
from dataclasses import dataclass, field

from tests.ingest.a_hospital import adt, framed, said

PAUSE_S = 0.05  # so that a busy machine has filed what was sent before the test is over


@dataclass
class Sending:
    """A sender with a journal of its own: what it sent, and what was acknowledged. Sends again what was not."""

    name: int
    port: "asyncio.Future[int]"
    acknowledged: list[str] = field(default_factory=list)
    sent: int = 0
    over: bool = False

    async def run(self) -> None:
        while not self.over:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", await asyncio.shield(self.port))
            except OSError:
                await asyncio.sleep(0.05)
                continue
            try:
                while not self.over:
                    number = f"M{self.name}-{self.sent}"
                    writer.write(framed(adt(number=number, control=number)))
                    code, control, _ = said((await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20))[1:-2])
                    if code == "AA":
                        assert control == number
                        self.acknowledged.append(number)
                        self.sent += 1
                    await asyncio.sleep(PAUSE_S)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)
            finally:
                writer.close()
