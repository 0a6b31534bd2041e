"""Does holdings know what people keep back before it is read, and how seldom must anybody ask for that?"""

import asyncio
from dataclasses import dataclass, field

import pytest

from carerecord.contracts.holdings import PEOPLE_KEPT, VEIL, PeopleKeptAsked, PersonKept
from carerecord.contracts.patients import RESTRICTED, WHO, Demographics, Person, WhoAsked
from carerecord.contracts.policy import PLACES, VEILS, Places, PlacesAsked, Veil, VeilsAsked
from carerecord.contracts.policy import Veils as Told
from carerecord.contracts.records import ALIASES, Aliases, AliasesAsked
from carerecord.contracts.restricted import Protected, Restricted, RestrictedAsked
from carerecord.contracts.veils import Hung, VeilAsked, Veiled
from carerecord.exchange import veils
from carerecord.exchange.veils import Veils
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.errors import NotFound, Unavailable
from carerecord.kit.log import log_for
from carerecord.kit.part import answer

IDS = PatientIds(b"k" * 32)


@dataclass
class Neighbours:
    """What policy was told, and what holdings hung."""

    said: list[Veil] = field(default_factory=list)
    hung: list[Hung] = field(default_factory=list)
    kept: tuple[str, ...] = ("kept-1",)
    upto: int = 0
    asked: int = 0
    good_for_s: float = 30.0
    slow_s: float = 0.0
    away: bool = False
    restricted: list[Protected] = field(default_factory=list)
    restricted_upto: int = 0
    index_away: bool = False

    def veils(self) -> Veils:
        calls = Calls("exchange", {
            "policy": Direct((answer(VEILS, self._told), answer(PLACES, self._places))),
            "holdings": Direct((answer(VEIL, self._hang), answer(PEOPLE_KEPT, self._people))),
            "patients": Direct((answer(WHO, self._who), answer(RESTRICTED, self._restricted))),
            "records": Direct((answer(ALIASES, self._aliases),)),
        })  # fmt: skip
        return Veils(calls, log_for("test"), IDS)

    async def _told(self, asked: VeilsAsked) -> Told:
        self.asked += 1
        await asyncio.sleep(self.slow_s)
        if self.away:
            raise Unavailable("It does not answer.", service="consent")
        after = asked.after if asked.after <= len(self.said) else 0
        some = tuple(self.said[after : after + asked.most])
        return Told(some, after + len(some), self.good_for_s)

    async def _hang(self, asked: VeilAsked) -> Veiled:
        self.hung += asked.hung
        self.upto = asked.upto or self.upto
        self.restricted_upto = asked.restricted_upto or self.restricted_upto
        return Veiled(self.upto, self.restricted_upto)

    async def _restricted(self, asked: RestrictedAsked) -> Restricted:
        if self.index_away:
            raise Unavailable("It does not answer.", service="patients")
        some = tuple(self.restricted[asked.after : asked.after + asked.most])
        return Restricted(some, asked.after + len(some), self.good_for_s)

    async def _places(self, _: PlacesAsked) -> Places:
        return Places(("encounters",), "restricted/places", "Nothing that tells where.")

    async def _people(self, asked: PeopleKeptAsked) -> tuple[PersonKept, ...]:
        return tuple([PersonKept(id_, "elm-bank", "") for id_ in asked.ids])

    async def _who(self, asked: WhoAsked) -> Person:
        if asked.patient == "nobody":
            raise NotFound("There is no such person in the index.")
        return Person((asked.patient,), asked.patient, Demographics(nhs_number="9990000018"))

    async def _aliases(self, asked: AliasesAsked) -> Aliases:
        return Aliases((asked.patient,), self.kept)


def a_veil(number: int, patient: str = "p1", *sections: str) -> Veil:
    return Veil(f"o{number}", patient, sections or ("results",), rule="consent/objection", says="Not shown.")


async def test_what_was_said_hangs_before_anybody_reads_and_nobody_asks_again_while_it_is_good() -> None:
    town = Neighbours([a_veil(1), a_veil(2, "nobody")])
    mine = town.veils()
    await asyncio.gather(*[mine.fresh() for _ in range(50)])
    assert town.hung == [
        Hung("o1", ("kept-1",), ("9990000018",), ("results",), rule="consent/objection", says="Not shown."),
        Hung("o2", (), (), ("results",), rule="consent/objection", says="Not shown."),
    ]
    assert (town.asked, town.upto, mine.known) == (1, 2, True)
    await mine.fresh()
    assert town.asked == 1


async def test_another_process_begins_where_holdings_is() -> None:
    town = Neighbours([a_veil(1), a_veil(2)], upto=1)
    await town.veils().fresh()
    assert [each.objection for each in town.hung] == ["o2"]


async def test_what_is_said_after_consent_was_restored_as_it_stood_before_is_not_passed_over() -> None:
    town = Neighbours([a_veil(number) for number in range(5)], good_for_s=0.0)
    mine = town.veils()
    await mine.fresh()
    del town.said[2:]
    await mine.fresh()
    town.hung.clear()
    town.said.append(a_veil(9))
    await mine.fresh()
    assert ([each.objection for each in town.hung], town.upto) == (["o9"], 3)


async def test_who_comes_while_it_is_asked_and_finds_it_stale_asks_once_more_and_not_for_ever() -> None:
    town = Neighbours(good_for_s=0.0, slow_s=0.02)
    mine = town.veils()
    first = asyncio.create_task(mine.fresh())
    await asyncio.sleep(0.005)
    town.said.append(a_veil(1))
    async with asyncio.timeout(5):
        await asyncio.gather(first, mine.fresh())
    assert (town.asked, [each.objection for each in town.hung]) == (2, ["o1"])


async def test_while_nobody_can_say_each_who_asks_hears_so_and_then_it_is_known_again() -> None:
    town = Neighbours(away=True)
    mine = town.veils()
    told = await asyncio.gather(mine.fresh(), mine.fresh(), return_exceptions=True)
    assert [type(each) for each in told] == [Unavailable, Unavailable]
    assert not mine.known
    town.away = False
    await mine.fresh()
    assert mine.known


async def test_an_entry_that_is_linked_later_is_behind_the_veil_when_its_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(veils, "ANEW_EVERY_S", 0.01)
    town = Neighbours([a_veil(number) for number in range(veils._ANEW + 3)])
    mine = town.veils()
    await mine.fresh()
    town.hung.clear()
    town.kept = ("kept-1", "linked-since")
    job = asyncio.create_task(mine.run())
    async with asyncio.timeout(5):
        while len(town.hung) < 2 * len(town.said):
            await asyncio.sleep(0.01)
    job.cancel()
    assert {each.objection for each in town.hung} == {each.objection for each in town.said}
    assert {each.patients for each in town.hung} == {("kept-1", "linked-since")}
    assert town.upto == len(town.said), "hung anew it tells nothing of how far was heard"


async def test_the_first_read_after_an_upgrade_asks_about_several_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Neighbours([a_veil(number) for number in range(20)])
    asks = {"now": 0, "most": 0}
    who = town._who

    async def slowly(asked: WhoAsked) -> Person:
        asks["now"] += 1
        asks["most"] = max(asks["most"], asks["now"])
        await asyncio.sleep(0.001)
        asks["now"] -= 1
        return await who(asked)

    monkeypatch.setattr(town, "_who", slowly)
    await town.veils().fresh()
    assert [each.objection for each in town.hung] == [f"o{number}" for number in range(20)]
    assert asks["most"] == veils._ASKED_ABOUT


async def test_whom_the_index_calls_restricted_hangs_by_number_and_by_each_id_that_a_source_gave() -> None:
    town = Neighbours(restricted=[Protected("n1", ("9990000018",), (("elm-bank", "77"),)), Protected("n2")])
    await town.veils().fresh()
    theirs, over = town.hung
    assert (theirs.objection, theirs.numbers, theirs.places) == ("restricted/n1", ("9990000018",), True)
    assert (theirs.sections, theirs.rule) == (("encounters",), "restricted/places")
    assert set(theirs.patients) == {"77", IDS("elm-bank", "77")}
    assert over == Hung("restricted/n2"), "it says so no more"
    assert (town.restricted_upto, town.upto) == (2, 0), "each is heard for itself"


async def test_an_id_that_another_source_gave_is_another_person_s() -> None:
    town = Neighbours(restricted=[Protected("n1", (), (("st-aldan", "77"),))])
    await town.veils().fresh()
    assert town.hung[0].patients == (IDS("st-aldan", "77"),)


async def test_while_the_index_is_silent_nothing_is_known_and_it_is_named() -> None:
    town = Neighbours([a_veil(1)], index_away=True)
    mine = town.veils()
    with pytest.raises(Unavailable, match="the patient index does not answer") as silence:
        await mine.fresh()
    assert (silence.value.facts, mine.known) == ({"service": "patients"}, False)
    town.index_away = False
    await mine.fresh()
    assert mine.known
