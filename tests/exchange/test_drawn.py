"""Pages of an answer that was drawn once show what stood at the first: from memory for a minute, then drawn anew or refused."""

from dataclasses import dataclass, field

import pytest

from carerecord.exchange.drawn import KEPT_S, MOST_BYTES, Changed, Drawn, Shelf
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.tokens import seal

ASKED = ("Patient/p1/$everything", "client-1")


@dataclass
class Sources:
    """What they say now, and how often they were asked."""

    says: tuple[bytes, ...] = (b"1", b"2", b"3", b"4", b"5")
    asked: int = 0

    async def draw(self) -> Drawn:
        self.asked += 1
        return Drawn(self.says, (b"state",))


@dataclass
class Desk:
    now: float = 100.0
    sources: Sources = field(default_factory=Sources)
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = self.another()

    def another(self, most_bytes: int = MOST_BYTES) -> Shelf:
        return Shelf(lambda what: seal(b"k", what), lambda: self.now, most_bytes)

    async def page(self, cursor: str = "", shelf: Shelf | None = None, asked: tuple[str, ...] = ASKED) -> tuple[Drawn, int, str]:
        return await (shelf or self.shelf).page(asked, cursor, 2, self.sources.draw)


async def test_later_pages_show_what_stood_at_the_first_and_ask_nobody():
    desk = Desk()
    first, many, link = await desk.page()
    desk.sources.says = (b"x",)
    second, _, link = await desk.page(link)
    third, _, end = await desk.page(link)
    assert (first.entries, second.entries, third.entries) == ((b"1", b"2"), (b"3", b"4"), (b"5",))
    assert (many, end, desk.sources.asked) == (5, "", 1)
    assert first.states == second.states == third.states == (b"state",)


async def test_after_a_minute_it_is_drawn_anew_and_goes_on_where_nothing_has_changed():
    desk = Desk()
    _, _, link = await desk.page()
    desk.now += KEPT_S + 1
    desk.shelf.sweep()
    assert desk.shelf._bytes == 0, "nothing clinical stays"
    assert (await desk.page(link))[0].entries == (b"3", b"4")
    assert desk.sources.asked == 2


async def test_in_another_process_it_is_drawn_anew_too():
    desk = Desk()
    _, _, link = await desk.page()
    assert (await desk.page(link, desk.another()))[0].entries == (b"3", b"4")


async def test_what_has_changed_and_is_not_at_hand_is_refused_and_never_another_answers_page():
    desk = Desk()
    _, _, link = await desk.page()
    desk.sources.says = (b"1", b"2", b"new", b"4", b"5")
    with pytest.raises(Changed, match="Begin again"):
        await desk.page(link, desk.another())


@pytest.mark.parametrize("cursor", ["edited", "x.y", "é", "a" * 500])
async def test_a_link_that_is_none_of_ours_is_refused(cursor: str):
    desk = Desk()
    _, _, link = await desk.page()
    with pytest.raises(NotUnderstood):
        await desk.page(link + "0" if cursor == "edited" else cursor)


async def test_a_link_is_good_for_its_own_question_and_client_alone():
    desk = Desk()
    _, _, link = await desk.page()
    with pytest.raises(NotUnderstood):
        await desk.page(link, asked=("Patient/p1/$everything", "client-2"))


async def test_memory_is_bounded_and_the_oldest_goes_first():
    desk = Desk()
    shelf = desk.another(most_bytes=25)
    links = [(await desk.page(shelf=shelf, asked=(str(number),)))[2] for number in range(4)]
    assert shelf._bytes <= 25
    assert all(links)
