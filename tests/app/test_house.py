"""Which port can be named now and opened later, and what does a demo set?"""

from contextlib import closing
from pathlib import Path

import pytest

from carerecord.app.house import laid_over, listening, reserved
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


def test_what_a_demo_sets_leaves_what_the_environment_sets_beside_it():
    told = {"ingest": {"folder": "/extracts", "mllp": "0.0.0.0:2575"}, "audit": {"x": "1"}}

    assert laid_over(told, {"ingest": {"mllp": "127.0.0.1:1"}, "viewer": {"region": "Fells"}}) == {
        "ingest": {"folder": "/extracts", "mllp": "127.0.0.1:1"},
        "audit": {"x": "1"},
        "viewer": {"region": "Fells"},
    }
