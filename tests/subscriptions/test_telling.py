"""Is a client told what it waits for, by ids alone, in order, and of nothing that it could not read?"""

from tests.subscriptions.conftest import Hook, Told, patient, result


async def test_a_client_is_told_by_id_of_what_it_waits_for_and_of_nothing_else(told: Told, hook: Hook) -> None:
    id_ = await told.subscribe(hook, "Observation?patient=p1&code=http://loinc.org|2823-3", header=["X-Key: swordfish"])
    assert [each.kind for each in hook.got] == ["handshake"]
    await told.put(result("o1"))
    await told.put(result("other", code="718-7"))
    await told.put(patient("p2"))
    await told.put(result("o2", whose="p2"))
    await told.put(result("o1", valueString="Very secret"))
    assert (await told.ask("DELETE", "/Observation/o1"))[0] == 204

    await hook.until(lambda each: len(each.events) >= 3)

    assert hook.events == [(1, "Observation/o1"), (2, "Observation/o1"), (3, "Observation/o1")]
    assert all(each.headers["X-Key"] == "swordfish" for each in hook.got)
    said = b"".join(each.body for each in hook.got)
    assert [each for each in (b"Marlow", b"secret", b"2823-3", b"swordfish") if each in said] == []
    status, told_of = await told.ask("GET", f"/Subscription/{id_}/$status")
    assert (status, told_of["entry"][0]["resource"]["parameter"][3]["valueString"]) == (200, "3")
