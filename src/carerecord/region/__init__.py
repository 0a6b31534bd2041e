"""A pretend region: invented people, the systems that know them, and the scenes that show what may go wrong.

Nothing here is a truth of the product: it is what the demonstration, the checks and the benchmarks are run against. It
asks nobody and hears nobody; its servers are reached as any source is, over HTTP.
"""

from carerecord.region.people.region import make_region

__all__ = ["make_region"]
