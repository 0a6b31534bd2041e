"""Whose name and address stand first where one hospital knows somebody by two numbers: does it hang on the order of arrival?"""

import random
from datetime import timedelta
from typing import Any

import pytest
from tests.ingest.a_hospital import NUMBERS, SENT, Hospital, a_hospital, adt

from carerecord.contracts.patients import KNOWN_AS, WHO, KnownAsAsked, WhoAsked

FAMILIES = ("MARLOW", "IQBAL", "OKONKWO", "FERNSBY", "SZYMANSKI", "THWAITE")


def said(of: int, *, is_corrected: bool) -> list[bytes]:
    """Somebody known by two numbers, one by the last message but one. The first says something new at the end, or nothing."""
    more = {"family": FAMILIES[of], "born": f"19{30 + 7 * of}0{of + 1}14"}
    one = {"number": f"M{of}1", "given": "EDITH", "home": f"{of} ELM ROAD^^HULL", **more}
    other = {"number": f"M{of}2", "given": "EDIE", "home": f"{of} OAK STREET^^YORK", **more}
    second = f"PID|2||M{of}2^^^R1A^MR||{FAMILIES[of]}^EDIE||{more['born']}|F|||{of} OAK STREET^^YORK"
    told: list[tuple[str, dict[str, Any]]] = [
        ("A28", one), ("A28", other), ("A31", one), ("A31", one), ("A24", {**one, "more": [second]}),
        ("A31", {**one, "home": f"{of} MILL LANE^^LEEDS"} if is_corrected else one),
    ]  # fmt: skip
    return [
        adt(trigger, control=str(at), at=SENT + timedelta(minutes=at), **words) for at, (trigger, words) in enumerate(told, 1)
    ]


async def led(hospital: Hospital, number: str) -> tuple[int, str, str]:
    known = await hospital.calls.ask(KNOWN_AS, KnownAsAsked(NUMBERS, number))
    person = await hospital.calls.ask(WHO, WhoAsked(known.ids[0]))
    return len(person.ids), person.demographics.names[0].given[0].upper(), person.demographics.address.split()[-1].upper()


@pytest.mark.parametrize(("is_corrected", "leads"), [(False, ("EDIE", "YORK")), (True, ("EDITH", "LEEDS"))])
async def test_whoever_said_something_new_last_leads_in_whatever_order_and_groups_the_messages_come(
    service_database: Any, *, is_corrected: bool, leads: tuple[str, str]
):
    chance = random.Random(7)
    async with a_hospital(service_database) as hospital:
        for of in range(len(FAMILIES)):
            messages = said(of, is_corrected=is_corrected)
            if of:
                chance.shuffle(messages)
            while messages:
                some = chance.choice((1, 1, 2, 4))
                await hospital.put(*messages[:some])
                await hospital.file_all()
                del messages[:some]

            assert await led(hospital, f"M{of}1") == (2, *leads)
        assert await hospital.stuck() == []
