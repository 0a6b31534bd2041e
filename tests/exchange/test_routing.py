"""Which address is found for a path?"""

from typing import Any

import pytest

from carerecord.exchange.routing import Addresses

WAYS = ("/", "/metadata", "/_search", "/Patient/$match", "/{type:Binary}/{id}", "/{type}/_history", "/{type}/{id}", "/{type}",
        "/Patient/{id}/{type}", "/{centre:Device}/{id}/{type}")  # fmt: skip


@pytest.mark.parametrize(
    ("path", "way", "named"),
    [
        ("/fhir", "/", {}),
        ("/fhir/", "/", {}),
        ("/fhir/metadata", "/metadata", {}),
        ("/fhir/Patient", "/{type}", {"type": "Patient"}),
        ("/fhir/Patient/$match", "/Patient/$match", {}),
        ("/fhir/Observation/$match", "/{type}/{id}", {"type": "Observation", "id": "$match"}),
        ("/fhir/Binary/b1", "/{type:Binary}/{id}", {"type": "Binary", "id": "b1"}),
        ("/fhir/Patient/_history", "/{type}/_history", {"type": "Patient"}),
        ("/fhir/Binary/_history", "/{type:Binary}/{id}", {"type": "Binary", "id": "_history"}),
        ("/fhir/Patient/p1/Observation", "/Patient/{id}/{type}", {"id": "p1", "type": "Observation"}),
        ("/fhir/Device/d1/Observation", "/{centre:Device}/{id}/{type}", {"centre": "Device", "id": "d1", "type": "Observation"}),
        ("/fhir/Group/g1/Observation", "nothing", {}),
        ("/fhir/Patient/", "nothing", {}),
        ("/fhir/Patient//Observation", "nothing", {}),
        ("/fhir/a/b/c/d/e", "nothing", {}),
    ],
)
async def test_of_those_that_fit_the_one_that_was_named_first_is_found(path, way, named):
    found = []

    def app(name):
        async def told(scope, _, __):
            found.append((name, scope["path_params"]))

        return told

    addresses = Addresses("/fhir", [(each, app(each)) for each in WAYS], app("nothing"))
    scope = {"type": "http", "path": path}
    nothing: Any = None
    assert addresses.takes(scope)
    await addresses.handle(scope, nothing, nothing)

    assert found == [(way, named)]
