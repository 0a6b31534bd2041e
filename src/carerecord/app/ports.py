"""Which port may be opened later? None that the kernel gives to an outgoing connection meanwhile.

Whoever knocks at a port of the kernel's own range while nobody listens there may even be connected to itself.
"""

import secrets
import socket
from itertools import cycle, islice
from typing import Final

_BELOW_THE_KERNELS: Final = range(18_000, 32_000)  # from 32,768 on it gives ports to outgoing connections
_later = islice(cycle(_BELOW_THE_KERNELS), secrets.randbelow(len(_BELOW_THE_KERNELS)), None)


def for_later(host: str) -> int | None:
    """One that is free now and was not told before; None where there is none."""
    return next((each for each in islice(_later, 100) if is_free(each, host)), None)


def is_free(port: int, host: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
