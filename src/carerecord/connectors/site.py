"""Where is a system outside, how do we show it who we are, and does a link that it gives stay there?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from yarl import URL

from carerecord.connectors.web_trouble import Elsewhere
from carerecord.contracts.sources import Source

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Site:
    """One system outside: where it is, and how we show who we are."""

    address: str
    token_address: str = ""
    client_id: str = ""
    credentials: str = ""  # the name of a secret
    ca_file: str = ""
    scope: str = ""
    certificate_file: str = ""  # ours, with its key: where the other end wants to see one (mutual TLS)

    @classmethod
    def of(cls, source: Source) -> "Site":
        return _site(
            source.address, source.token_address, source.client_id, source.credentials, source.ca_file, source.certificate_file
        )

    @cached_property
    def base(self) -> URL:
        return URL(self.address.rstrip("/") + "/")

    def at(self, path: str, params: Pairs = ()) -> URL:
        """The address of `path` below this site; parameters in order, repeated names kept."""
        url = self.base.join(URL(path))
        return url.with_query(tuple(params)) if params else url

    def within(self, link: str) -> URL:
        """A link that the site gave, when it stays at the same scheme, host and port and below the same path.

        Raises:
            Elsewhere: it leads out. A source could otherwise make us ask anything that we can reach.
        """
        try:
            url = self.base.join(URL(link))
            same = url.origin() == self.base.origin() and url.user is None and url.password is None
        except ValueError:
            raise Elsewhere("Its link to the next page cannot be read.") from None
        below = url.path == self.base.path.rstrip("/") or url.path.startswith(self.base.path)
        if not (same and below and ".." not in url.raw_path):
            raise Elsewhere("Its link to the next page leads to another address.")
        return url


@lru_cache(1_000)
def _site(address: str, token_address: str, client_id: str, credentials: str, ca_file: str, certificate_file: str) -> Site:
    """One for each source, so that its address is taken apart once."""
    return Site(address, token_address, client_id, credentials, ca_file, certificate_file=certificate_file)
