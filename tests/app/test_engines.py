"""Are both engines there in about a second, and gone without a trace?"""

import time
from pathlib import Path

from carerecord.app.nats import embedded_nats
from carerecord.app.postgres import embedded_postgres


def test_both_are_ready_in_about_a_second_on_a_folder_that_exists(tmp_path: Path) -> None:
    def seconds_until_ready() -> float:
        began = time.monotonic()
        with embedded_postgres(tmp_path / "postgres") as cluster, embedded_nats(tmp_path / "nats"):
            took = time.monotonic() - began
        assert not cluster.sockets.exists()
        return took

    first, second = seconds_until_ready(), seconds_until_ready()

    assert first < 15  # initdb included, on a machine that others use too
    assert second < 3
