"""What of all that is kept may this client see? Asked of each row before anything is counted or paged."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from carerecord.contracts.holdings import Reach
from carerecord.fhir.search.parameters import Parameters
from carerecord.holdings.store.changing import Key

CONFIDENTIALITY: Final = ("U", "L", "M", "N", "R", "V")
STRICTEST: Final = len(CONFIDENTIALITY) - 1
RESTRICTED: Final = CONFIDENTIALITY.index("R")  # of a Patient: where that person is is protected
ID: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9\-.]{1,64}\Z")  # not . or .., which a proxy would resolve
NOBODY: Final = "of:"
GUARDED: Final = "Binary"  # read by its id alone, by whoever may read what it names (`securing`)
WHOM: Final = "Patient"
WHOSE: Final = ("patient", "subject", "beneficiary")


def may_see(reach: Reach, type_: str) -> bool:
    return "*" in reach.types or type_ in reach.types


def most(reach: Reach) -> int:
    """The place of the most confidential label within reach; N where the grant says something that nobody knows."""
    return CONFIDENTIALITY.index(reach.most_confidential) if reach.most_confidential in CONFIDENTIALITY else 3


def of_a_person(type_: str, parameters: Parameters) -> bool:
    """Whether resources of this type lie in people's records."""
    return type_ == WHOM or any(code in parameters.of(type_) for code in WHOSE)


def within(reach: Reach, patient: str, type_: str, parameters: Parameters) -> bool:
    """A grant for some people reaches their records, and of what is in nobody's record the types that are about no person."""
    if reach.patients is None or patient in reach.patients:
        return True
    return patient.startswith(NOBODY) and not of_a_person(type_, parameters)


def all_within(keys: Sequence[Key], reach: Reach, parameters: Parameters) -> list[Key]:
    return [key for key in keys if within(reach, key[0], key[1], parameters)]


def confidential(parsed: Mapping[str, Any]) -> int:
    """The place of the strictest label; N where there is none. A label of that system that is not known is the strictest."""
    meta = parsed.get("meta")
    labels = meta.get("security") if isinstance(meta, dict) else None
    found = [
        CONFIDENTIALITY.index(code) if (code := each.get("code")) in CONFIDENTIALITY else STRICTEST
        for each in (labels if isinstance(labels, list) else ())
        if isinstance(each, dict) and str(each.get("system", "")).endswith("v3-Confidentiality")
    ]
    return max(found, default=CONFIDENTIALITY.index("N"))
