"""carerecord: a person's record, drawn from every system that knows them, on one page."""

__version__ = "0.1.0"
