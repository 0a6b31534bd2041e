"""On which engines does this process run: addresses that it was told, or its own from wheels?"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from carerecord.app.catalogue import Service
from carerecord.app.nats import embedded_nats
from carerecord.app.postgres import embedded_postgres


@dataclass(frozen=True)
class Engines:
    databases: Mapping[str, str] = field(repr=False)  # service -> DSN
    nats_url: str = field(repr=False)


@contextmanager
def engines(data_dir: Path, services: Sequence[Service], *, databases: Mapping[str, str], nats_url: str) -> Iterator[Engines]:
    """What these services need: what was told is used, the rest is started here and stopped at the end.

    To be entered in the main thread, outside an event loop.
    """
    lacking = [each.name for each in services if each.keeps and each.name not in databases]
    with ExitStack() as stack:
        found = dict(databases)
        if lacking:
            cluster = stack.enter_context(embedded_postgres(data_dir / "postgres"))
            found |= asyncio.run(cluster.service_databases(lacking))
        if not nats_url and any(each.keeps for each in services):
            nats_url = stack.enter_context(embedded_nats(data_dir / "nats")).url
        yield Engines(found, nats_url)
