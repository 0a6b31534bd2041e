"""Is a fault inside a neighbour at home in this process written down, as the page promises?"""

from structlog.testing import capture_logs

from carerecord.kit.errors import Unavailable
from tests.viewer.neighbours import Neighbours
from tests.viewer.test_pages import opened


async def test_a_fault_of_a_neighbour_is_logged_by_its_kind_and_shown_in_plain_words() -> None:
    neighbours = Neighbours(fails={"open": AttributeError("Edith Marlow")})
    with capture_logs() as logs:
        page = await opened(neighbours.browser(), "p-marlow")

    assert page.status_code == 500
    assert "It has been written down" in page.text
    assert [type(each["exc_info"]) for each in logs if each["event"] == "question.failed"] == [AttributeError]


async def test_a_refusal_is_no_fault() -> None:
    neighbours = Neighbours(fails={"open": Unavailable("The records service does not answer.", service="records")})
    with capture_logs() as logs:
        await opened(neighbours.browser(), "p-marlow")

    assert not [each for each in logs if each["event"] in ("question.failed", "page.failed")]
