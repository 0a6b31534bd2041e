"""Which systems of the trusts send messages, since nobody can ask them?"""

from carerecord.region.organisations.bodies import ALDERMOOR, FENWICK
from carerecord.region.shapes import SendingSystem

_STAY = ("demographics", "encounters", "professionals")

SENDING: tuple[SendingSystem, ...] = (
    SendingSystem("aldermoor-pas", ALDERMOOR, "Aldermoor Patient Administration", "AD", "hospital", "PAS", "ALDERMOOR", _STAY),
    SendingSystem("aldermoor-blood", ALDERMOOR, "Aldermoor Blood Sciences", "BS", "laboratory", "LIMS", "ALDERMOOR",
                  ("demographics", "results")),
    SendingSystem("fenwick-pas", FENWICK, "Fenwick Patient Administration", "FA", "hospital", "PAS", "FENWICK", _STAY),
)  # fmt: skip
SENDING_BY_KEY = {each.key: each for each in SENDING}
