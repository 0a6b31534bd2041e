"""Real bundles (Synthea) go in by transaction, are counted, and come back value for value."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.exchange.conftest import Api

FOLDER = Path(os.environ.get("CARERECORD_REAL_INPUTS") or Path(__file__).parents[3] / "shared" / "data") / "synthea"
BUNDLES = sorted(FOLDER.glob("*.json.gz"), key=lambda each: each.stat().st_size)

pytestmark = pytest.mark.skipif(not BUNDLES, reason=f"real inputs are absent: no folder {FOLDER} (CARERECORD_REAL_INPUTS)")


def read(text: bytes | str) -> Any:
    """Each number letter for letter."""
    return json.loads(text, parse_float=str, parse_int=str)


def as_sent(resource: dict[str, Any]) -> dict[str, Any]:
    """What a client sent of it: without the id, version and time that are the server's."""
    meta = {name: each for name, each in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    return {name: each for name, each in resource.items() if name not in ("id", "meta")} | ({"meta": meta} if meta else {})


async def pages(api: Api, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while path:
        page = read((await api.ask("GET", path)).body)
        found += [each["resource"] for each in page.get("entry", ())]
        path = next((each["url"].removeprefix(api.base) for each in page["link"] if each["relation"] == "next"), "")
    return found


@pytest.mark.parametrize(
    "many", [12, pytest.param(len(BUNDLES), marks=[pytest.mark.soak, pytest.mark.timeout(600)])], ids=["some", "all"]
)
async def test_real_bundles_load_count_and_read_back_equal(api: Api, many: int) -> None:
    shared: Counter[str] = Counter()
    for path in BUNDLES[:many]:
        packed = path.read_bytes()
        bundle = read(gzip.decompress(packed))
        done = await api.ask("POST", "", packed, Content_Encoding="gzip", Prefer="return=minimal")
        assert done.status == 200, done.body[:500]
        places = [each["response"]["location"].removeprefix(f"{api.base}/").split("/")[:2] for each in done.json["entry"]]
        assert len(places) == len(bundle["entry"])
        text = json.dumps([each["resource"] for each in bundle["entry"]])
        for entry, place in zip(bundle["entry"], places, strict=True):
            text = text.replace(f'"{entry["fullUrl"]}"', f'"{place[0]}/{place[1]}"')
        sent = {f"{type_}/{id_}": as_sent(each) for (type_, id_), each in zip(places, json.loads(text), strict=True)}

        patient = next(id_ for type_, id_ in places if type_ == "Patient")
        record = await pages(api, f"/Patient/{patient}/$everything?_count=1000")
        kept = {f"{each['resourceType']}/{each['id']}": as_sent(each) for each in record}
        for name in sorted(sent.keys() - kept.keys()):  # who treats and where: in nobody's record
            assert name.split("/")[0] not in ("Observation", "Condition", "Encounter")
            kept[name] = as_sent(read((await api.ask("GET", f"/{name}")).body))
            shared[name.split("/")[0]] += 1
        assert kept == sent
        codes = Counter(name.split("/")[0] for name in sent)
        counted = (await api.ask("GET", f"/Observation?patient={patient}&_summary=count")).json["total"]
        assert counted == codes["Observation"]
    assert set(shared) <= {"Organization", "Practitioner", "PractitionerRole", "Location", "Medication", "Device", "Provenance"}
