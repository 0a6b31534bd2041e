"""Is a sender silent for longer than its rhythm explains?"""

from datetime import UTC, datetime, timedelta

from carerecord.ingest.rhythm import expected, silence

MONDAY = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


def office_hours(weeks: int) -> dict[datetime, int]:
    """Thirty an hour from eight to eighteen, Monday to Friday."""
    hours = [MONDAY - timedelta(hours=back) for back in range(1, weeks * 7 * 24)]
    return {hour: 30 for hour in hours if hour.weekday() < 5 and 8 <= hour.hour < 18}


def test_nights_and_weekends_are_quiet_by_themselves():
    friday_evening = MONDAY - timedelta(days=3) + timedelta(hours=17, minutes=50)

    assert silence(office_hours(4), friday_evening, MONDAY + timedelta(hours=8)) == ""
    assert "would have come" in silence(office_hours(4), friday_evening, MONDAY + timedelta(hours=9))


def test_a_sender_nobody_has_heard_yet_is_not_silent():
    assert silence({}, MONDAY, MONDAY + timedelta(days=3)) == ""


def test_a_young_sender_is_judged_by_its_quietest_day():
    last = MONDAY - timedelta(hours=1)
    days = {MONDAY - timedelta(days=2) + timedelta(hours=each): 10 for each in range(48)}

    assert expected(days, last, MONDAY + timedelta(hours=3)) == 40


def test_its_row_may_say_how_long_is_too_long():
    last = MONDAY - timedelta(minutes=20)

    assert silence({}, last, MONDAY, after_s=600) == "Nothing for 20 min; its row says 10 min at most."
    assert silence({}, last, MONDAY, after_s=3600) == ""
