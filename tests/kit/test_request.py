"""What is one request, and what is another?"""

from carerecord.kit.request import begun, current, ended, request, whose


def test_a_task_that_bears_the_id_goes_on_with_the_same_request():
    with request("an-opening"):
        mine = whose()
        with request("an-opening"):
            assert whose() is mine
        assert whose() is mine


def test_an_id_that_is_given_again_at_the_door_is_a_new_request_that_came_later():
    with request("an-opening"):
        mine = whose()
        token = begun("an-opening")
        assert (current(), whose().place > mine.place) == ("an-opening", True)
        ended(token)
        assert whose() is mine


def test_what_is_done_for_nobody_is_each_time_another_request():
    assert whose() is not whose()
    assert current() == ""
