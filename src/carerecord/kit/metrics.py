"""What is counted? Request time, errors and questions by name, pools, event lag: never a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0)


class Metrics:
    """The counters of one service; each has its own registry, so that many live in one process."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self.service = service
        kept = self.registry
        self.questions = Histogram(
            "carerecord_question_seconds",
            "Time to answer a question",
            ("service", "question", "outcome"),
            buckets=_BUCKETS,
            registry=kept,
        )
        self.requests = Histogram(
            "carerecord_request_seconds",
            "Time to answer a page or API request",
            ("service", "route", "status"),
            buckets=_BUCKETS,
            registry=kept,
        )
        self.errors = Counter("carerecord_errors_total", "Errors by class", ("service", "error"), registry=kept)
        self.pool_size = Gauge("carerecord_pool_connections", "Database connections open", ("service",), registry=kept)
        self.pool_idle = Gauge("carerecord_pool_idle", "Database connections idle", ("service",), registry=kept)
        self.event_lag = Gauge(
            "carerecord_event_lag_seconds", "Age of the oldest event not yet handed on", ("service", "hearer"), registry=kept
        )
        self.heartbeat = Gauge(
            "carerecord_loop_blocked_seconds_max", "Longest time that the event loop was blocked", ("service",), registry=kept
        )
        self.sources = Histogram(
            "carerecord_source_seconds",
            "Time of a source's answer",
            ("service", "source", "state"),
            buckets=_BUCKETS,
            registry=kept,
        )

        self.notices = Counter(
            "carerecord_notices_total", "Notices to subscribers by what became of them", ("service", "outcome"), registry=kept
        )
        self.notice_age = Gauge(
            "carerecord_notice_oldest_seconds", "Age of the oldest notice not yet delivered", ("service",), registry=kept
        )

        self.messages = Counter("carerecord_messages_total", "Messages kept", ("service", "sender"), registry=kept)
        self.turned_away = Counter(
            "carerecord_messages_refused_total",
            "Connections and requests on which something was turned away",
            ("service", "rule"),
            registry=kept,
        )
        self.waiting = Gauge("carerecord_messages_waiting", "Messages kept and not tried yet", ("service",), registry=kept)
        self.message_age = Gauge("carerecord_message_oldest_seconds", "Age of the oldest of those", ("service",), registry=kept)
        self.stuck = Gauge("carerecord_messages_stuck", "Messages that could not be filed", ("service", "sender"), registry=kept)

    def page(self) -> bytes:
        return generate_latest(self.registry)
