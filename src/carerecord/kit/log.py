"""How does a service speak to its operators? One JSON line for each event: a dotted name, fields, a request id, no person."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from carerecord.kit import request

Log = structlog.stdlib.BoundLogger


def _with_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if current := request.current():
        event.setdefault("request", current)
    return event


def _bare_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception is logged by kind and place, never by message: messages of libraries quote what they choked on."""
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else sys.exc_info()[1] if info else None
    if error is not None:
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rsplit('carerecord/', 1)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["error"], event["trace"] = type(error).__name__, frames[-8:]
    return event


def configure(level: str = "INFO", to: TextIO | None = None) -> None:
    """Set up logging for the process, to standard error unless told; the front gate calls it. Libraries' loggers stay silent."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request,
            _bare_exception,
            structlog.processors.JSONRenderer(sort_keys=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(to or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.CRITICAL)


def log_for(service: str) -> Log:
    bound: Log = structlog.get_logger().bind(service=service)
    return bound
