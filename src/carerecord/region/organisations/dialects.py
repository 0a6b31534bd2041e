"""How does each system of the region write FHIR? No two do it alike, and each way has been met in a real one.

Practices that answer GP Connect do not stand here: what is theirs is in servers/gp_connect_words.
"""

from collections.abc import Mapping

from carerecord.region.shapes import Dialect

_NOT_SAID = frozenset({"recorder", "requester", "performer", "informationSource"})

DIALECTS: Mapping[str, Dialect] = {
    "elm-bank": Dialect(narrative=True),
    "quayside": Dialect(paging="offset", total=False, codes="beside", times="utc", extensions=1),
    "kirkgate": Dialect(meta=False, old="year", medicines="contained"),
    "aldermoor-epr": Dialect(codes="beside", medicines="referenced", extensions=2, narrative=True),
    "aldermoor-emergency": Dialect(paging="none", total=False, times="utc"),
    "aldermoor-pathology": Dialect(meta=False, codes="beside", extensions=1),
    "aldermoor-radiology": Dialect(paging="none", codes="local", omits=frozenset({"identifier"})),
    "aldermoor-anticoagulation": Dialect(modes=False, medicines="contained", old="month"),
    "aldermoor-maternity": Dialect(paging="offset", times="utc", extensions=2),
    "fenwick-epr": Dialect(paging="offset", total=False, codes="beside", medicines="referenced"),
    "fenwick-emergency": Dialect(urls="urn", meta=False, times="milliseconds"),
    "fenwick-pathology": Dialect(paging="none", codes="beside", times="milliseconds"),
    "fenwick-radiology": Dialect(total=False, urls="none", narrative=True),
    "fenwick-rheumatology": Dialect(urls="urn", medicines="referenced", old="year"),
    "fenwick-diabetes": Dialect(paging="offset", links="relative", medicines="concept", extensions=3),
    "north-fells-ambulance": Dialect(paging="none", meta=False, times="utc", omits=_NOT_SAID),
    "fells-out-of-hours": Dialect(paging="none", codes="local", times="day"),
    "aldermoor-community": Dialect(paging="offset", total=False, extensions=1, omits=frozenset({"identifier"})),
    "aldermoor-physiotherapy": Dialect(codes="local", links="relative"),
    "fells-health-visiting": Dialect(paging="none", modes=False, old="month"),
    "calder-vale": Dialect(codes="beside", medicines="contained", narrative=True, times="utc"),
    "st-oswins": Dialect(meta=False, urls="none", extensions=1, codes="beside"),
    "rowan-court": Dialect(
        paging="none", total=False, urls="none", modes=False, meta=False, codes="local", times="day", omits=_NOT_SAID
    ),
    "aldermoor-council": Dialect(paging="none", codes="local", extensions=2),
    "aldermoor-child-protection": Dialect(total=False, codes="local", omits=_NOT_SAID | {"identifier"}),
    "hartley-pharmacy": Dialect(total=False, codes="beside", times="utc"),
    "quay-pharmacy": Dialect(paging="offset", meta=False, medicines="referenced"),
    "harbour-sexual-health": Dialect(urls="urn", codes="local", old="month", extensions=1),
}
