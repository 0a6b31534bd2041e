"""Do clinicians find whom they mean, however they type, and nobody else?"""

import functools

import msgspec
import pytest
from tests.patients.people import DR_NAIR, RECEPTION, Desk, a_desk, nhs, stated

from carerecord.contracts.audit import Line
from carerecord.fhir.identifiers import spaced
from carerecord.kit.errors import NotSignedIn, TooMany, Unavailable
from carerecord.patients import protecting

MARLOW, ONEILL, HART, TWIN, HIDDEN = (nhs(n) for n in (11, 22, 33, 44, 55))


@pytest.fixture
async def desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(protecting, "GOOD_FOR_S", 0.0)  # nobody relies on what was told before
    await desk.enrol(
        stated("elm-bank", "g1", "Edith Anne", "Marlow", "1945-07-14", number=MARLOW, local="EB-1001", postcode="ZZ1 1EB"),
        stated("aldermoor-epr", "a1", "Edith", "Marlow", "1945-07-14", number=MARLOW, local="RXA 4470012"),
        stated("elm-bank", "g2", "Siobhán", "O'Neill-Smith", "1980-02-03", number=ONEILL, local="EB-1002", postcode="ZZ2 2AA"),
        stated("elm-bank", "g3", "William", "Hart", "1950-12-11", number=HART, local="EB-1003", gender="male"),
        stated(
            "elm-bank", "g4", "Nadia", "Farouk", "1997-05-06", number=HIDDEN, local="EB-1004", postcode="ZZ3 3CC", restricted=True
        ),
    )
    return desk


async def lines(desk: Desk) -> list[Line]:
    rows = await desk.db.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")
    return [msgspec.json.decode(row["body"], type=Line) for row in rows]


def names_of(found) -> list[str]:
    return [match.person.demographics.names[0].family for match in found.matches]


@pytest.mark.parametrize(
    "typed",
    [
        MARLOW, spaced(MARLOW), f"NHS no {spaced(MARLOW)}", "rxa 4470012", "RXA4470012", "eb-1001", "EB1001",
        "edith marlow", "Marlow Edith", "MARLOW, Edith", "Mrs Edith Marlow", "e marlow",
        "marlow 14-Jul-1945", "marlow 14/07/1945", "marlow 14.7.45", "1945-07-14 marlow", "marlow 14 July 1945", "marlow 140745",
        "edith 14/7/45", "marlow zz1 1eb", "marlow ZZ11EB", "ZZ1 1EB 14/07/1945", "edie marlow", "Edith Anne Marlow",
        "marlow 07/14/1945", "marlow  14th of July 1945",
    ],
)  # fmt: skip
async def test_edith_marlow_is_found(desk, typed):
    found = await desk.search(typed)

    assert found.matches, found.say
    assert found.matches[0].person.demographics.nhs_number == MARLOW
    assert found.matches[0].why


@pytest.mark.parametrize(
    "typed",
    [
        "siobhan oneill-smith", "SIOBHÁN O’NEILL SMITH", "Siobhan O Neill", "oneillsmith siobhan", "smith 03/02/1980",
        "siobhan smith",
    ],
)  # fmt: skip
async def test_accents_hyphens_and_apostrophes_do_not_matter(desk, typed):
    assert (await desk.search(typed)).matches[0].person.demographics.nhs_number == ONEILL


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("edith marlwo 14/07/1945", "family name near"),
        ("edith marlow 07/14/1945", "birth date same"),
        ("william hart 12/11/1950", "birth date near: day and month swapped"),
        ("edith marlow 14/07/1954", "birth date near: digits swapped"),
        ("edith marlow 15/07/1945", "birth date near: one digit"),
        ("bill hart 11/12/1950", "given name near: short form"),
        ("edi marlow", "given name near: begins so"),
        ("edyth marlo", "family name near"),
    ],
)
async def test_a_near_miss_is_found_and_says_how(desk, typed, why):
    found = await desk.search(typed)

    assert why in found.matches[0].why
    if why != "birth date same":
        assert not found.matches[0].strong
        assert found.matches[0].score < 1


async def test_the_best_comes_first(desk):
    await desk.enrol(
        stated("elm-bank", "g5", "Edith", "Marlowe", "1945-07-14", number=nhs(66)),
        stated("elm-bank", "g6", "Edith", "Marlow", "1947-07-14", number=nhs(77)),
    )

    found = await desk.search("edith marlow 14/07/1945")

    assert found.matches[0].person.demographics.nhs_number == MARLOW
    assert found.matches[0].strong
    assert names_of(found) == ["Marlow", "Marlowe"], "the other birth date is noise beside a match in everything"
    assert not found.matches[1].strong
    assert list(found.matches) == sorted(found.matches, key=lambda match: -match.score)


@pytest.mark.parametrize("first", ["stray", "twin"])
async def test_of_two_who_fit_alike_the_one_of_a_verified_number_comes_first(desk, first):
    """A laboratory filed Zoya's sample under the number of her twin."""
    zara, zoya = (stated("gp", n, n, "Iqbal", "2026-10-25", number=nhs(at)) for at, n in ((1, "Zara"), (2, "Zoya")))
    stray = stated("lab", "9", "Zoya", "Iqbal", "2026-10-25", number=nhs(1), status="02")
    for each in (zara, *((stray, zoya) if first == "stray" else (zoya, stray))):
        await desk.enrol(each)

    found = await desk.search("zoya iqbal 25/10/2026")
    named = [each.person for each in found.matches if each.person.demographics.names[0].given == ("Zoya",)]
    assert [each.known_by for each in named] == [("gp",), ("lab",)]


async def test_the_fields_find_as_the_box_does(desk):
    found = await desk.search(family="Marlow", given="Edith", birth_date="14 Jul 45", postcode="zz11eb", number=spaced(MARLOW))

    assert found.matches[0].score == 1.0
    assert found.matches[0].strong
    assert set(found.matches[0].why) == {
        "NHS number same", "birth date same", "postcode same", "family name same", "given name same",
    }  # fmt: skip


async def test_a_family_name_in_the_field_for_given_names_does_not_count(desk):
    assert not (await desk.search(family="Edith", given="Marlow")).matches


async def test_an_invalid_number_is_said_and_its_neighbours_are_found_with_a_name(desk):
    slipped = MARLOW[:4] + MARLOW[5] + MARLOW[4] + MARLOW[6:]
    slipped = slipped if slipped != MARLOW else MARLOW[:9] + str((int(MARLOW[9]) + 1) % 10)

    alone, named = await desk.search(slipped), await desk.search(f"{slipped} marlow 14/07/1945")

    assert "not a valid NHS number" in alone.say
    assert not alone.matches
    assert "not a valid NHS number" in named.say
    assert "NHS number near" in named.matches[0].why
    assert not named.matches[0].strong


@pytest.mark.parametrize("typed", ["marlow", "14/07/1945", "ZZ1 1EB", "e m", "mar*", "%", "edith marl?w", "", "Mrs"])
async def test_too_little_is_not_searched_by_and_says_what_to_add(desk, typed):
    found = await desk.search(typed)

    assert not found.matches
    assert found.say


async def test_too_many_is_said_instead_of_a_long_list(desk):
    await desk.enrol(*(stated("b", str(n), "John", "Smith", f"19{50 + n}-01-01", number=nhs(100 + n)) for n in range(9)))

    many, cut = await desk.search("john smith", most=8), await desk.search("john smith", most=9)

    assert many.too_many
    assert not many.matches
    assert "birth date" in many.say
    assert len(cut.matches) == 9


async def test_two_people_whom_all_that_was_typed_fits_are_both_weak(desk):
    await desk.enrol(*(stated("b", str(n), "John", "Smith", "1960-01-01", number=nhs(100 + n)) for n in range(2)))

    found = await desk.search("john smith 1/1/1960")

    assert [match.strong for match in found.matches] == [False, False]


async def test_a_number_with_a_name_that_is_not_theirs_is_weak(desk):
    found = await desk.search(f"{MARLOW} farouk nadia")

    assert [match.strong for match in found.matches] == [False]


@pytest.mark.parametrize(
    "typed",
    [
        "nadia farouk", "nadia farouk 06/05/1997", "farouk ZZ3 3CC", HIDDEN, "EB-1004", f"{HIDDEN} 07/05/1997", f"{HIDDEN} nadia",
    ],
)  # fmt: skip
async def test_a_restricted_person_is_not_there_for_any_other_search(desk, typed):
    hidden = await desk.search(typed)
    unknown = {HIDDEN: nhs(99), "nadia": "nadja", "farouk": "faruk", "1004": "1999"}
    nobody = await desk.search(" ".join(functools.reduce(lambda word, pair: word.replace(*pair), unknown.items(), typed).split()))

    assert hidden == nobody
    assert not hidden.matches


async def test_a_restricted_person_is_found_by_number_and_birth_date_by_those_who_treat(desk):
    typed = f"{HIDDEN} 06/05/1997"

    treating, reception = await desk.search(typed), await desk.search(typed, RECEPTION)

    shown = treating.matches[0].person
    assert (shown.demographics.postcode, shown.known_by, shown.identifiers) == ("", (), ())
    assert reception == await desk.search(f"{nhs(99)} 06/05/1997", RECEPTION)


async def test_everyone_who_was_shown_stands_in_the_book_and_what_was_typed_does_not(desk):
    found = await desk.search("edith marlow 14/07/1945")

    line, = await lines(desk)

    assert (line.what, line.actor, line.request) == ("searched", DR_NAIR, "r-1")
    assert line.patients == tuple(match.person.patient for match in found.matches)
    assert line.reason == "by name, birth-date"
    assert "marlow" not in msgspec.json.encode(line).decode().lower()


async def test_a_search_that_cannot_be_written_down_is_not_answered(desk):
    await desk.db.execute("ALTER TABLE outbox RENAME TO away")

    with pytest.raises(Unavailable):
        await desk.search("edith marlow 14/07/1945")


async def test_nobody_searches_without_being_somebody(desk):
    with pytest.raises(NotSignedIn):
        await desk.search("edith marlow", actor=None)


async def test_a_user_who_searches_faster_than_one_can_read_is_slowed(desk):
    slow = a_desk(desk.db, searches_a_minute=3)
    for n in range(3):
        await slow.search(nhs(500 + n))

    with pytest.raises(TooMany) as refused:
        await slow.search(nhs(504))
    await slow.search(nhs(505), RECEPTION)

    assert refused.value.facts["retry_after_s"] == "60"


async def test_one_line_in_the_book_says_that_somebody_searches_too_fast(desk):
    slow = a_desk(desk.db, searches_a_minute=1)
    await slow.search(nhs(500))

    for n in range(5):
        with pytest.raises(TooMany):
            await slow.search(nhs(501 + n))

    told = [line for line in await lines(slow) if line.what == "searched-too-often"]
    assert [(line.outcome, line.rule, line.patients) for line in told] == [("refused", "search/pace", ())]
