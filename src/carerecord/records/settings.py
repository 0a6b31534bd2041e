"""What may be told to the records service from outside?"""

from dataclasses import dataclass

from carerecord.kit.errors import BadSetting


@dataclass(frozen=True)
class RecordsSettings:
    """Read from the environment with the prefix CARERECORD_RECORDS_."""

    first_paint_s: float = 1.0  # what has come by then is shown
    last_call_s: float = 8.0  # whoever has not answered by then is named as silent
    sources_at_once: int = 1_000  # conversations with sources in this process
    # Unscheduled care, and those who give or prescribe at a bedside: whoever may know of an allergy is asked.
    always_ask_roles: tuple[str, ...] = ("emergency-doctor", "paramedic", "ward-nurse", "midwife", "hospital-pharmacist")
    treating_roles: tuple[str, ...] = ("emergency-doctor", "gp", "paramedic")  # may open by exact number while the index is down
    attending_within_s: float = 1.0  # how long the organisation's own systems have to say who is with them
    attendance_good_s: float = 14_400.0  # a seen attendance is believed for four hours
    register_within_s: float = 0.7  # how long an opening waits to hear where the person is registered (GP Connect alone)
    register_kept_s: float = 60.0  # what it said is remembered in memory, a minute at most
    register_a_second: float = 3.0  # to the national register; with ingest's traces_per_s the five that it allows one application
    sweep_share: float = 0.02  # of openings, one skipped source is asked afterwards, to learn how often skipping errs

    def __post_init__(self) -> None:
        if not 0 < self.first_paint_s <= self.last_call_s <= 60:
            raise BadSetting("first_paint_s lies above 0 and at most at last_call_s, which is at most 60")
        if not 0 <= self.sweep_share <= 1:
            raise BadSetting("sweep_share lies between 0 and 1")
        if not 0 < self.register_within_s <= 5 or self.register_a_second <= 0 or not 0 <= self.register_kept_s <= 60:
            raise BadSetting("register_within_s lies above 0 and at most 5, register_a_second above 0, register_kept_s up to 60")
        if self.sources_at_once < 1:
            raise BadSetting("sources_at_once is at least 1")
