"""Which port can be named now and opened later?"""

from contextlib import closing
from pathlib import Path

import pytest

from carerecord.app.house import listening, reserved
from carerecord.app.serve import port_of
from carerecord.kit.errors import BadSetting

HOST = "127.0.0.1"


def test_a_port_for_later_is_none_that_an_outgoing_connection_is_given_and_none_twice():
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    found = [reserved(0, HOST) for _ in range(50)]
    assert len(set(found)) == 50
    assert max(found) < lowest


def test_one_that_somebody_holds_is_passed_over():
    with closing(listening(reserved(0, HOST) + 1, HOST)) as held:
        assert reserved(0, HOST) != port_of(held)


def test_a_port_that_was_asked_for_and_is_taken_is_said_with_another():
    with closing(listening(0, HOST)) as held, pytest.raises(BadSetting, match=f"--port {port_of(held) + 1}"):
        reserved(port_of(held), HOST)
