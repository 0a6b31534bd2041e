"""Until when is the certificate of a system outside good, and is it trusted? Looked at, and nothing asked over it."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC

from cryptography import x509

from carerecord.connectors.site import Site
from carerecord.connectors.web_trouble import why_not_trusted
from carerecord.contracts.sources import Certificate
from carerecord.kit.clock import stamp


async def certificate_of(site: Site, *, within_s: float) -> Certificate | None:
    """What it shows now. None: the way there is not encrypted, nobody answers in time, or `ca_file` is missing.

    One that is not trusted is read as well, so that "expired" comes with its date; nothing is said to who shows it.
    """
    if site.base.scheme != "https":
        return None
    try:
        trusting = ssl.create_default_context(cafile=site.ca_file or None)
    except (OSError, ssl.SSLError):
        return None  # whoever then asks it something is told
    shown = await _shown(site, trusting, within_s)
    if isinstance(shown, bytes):
        return Certificate(_good_until(shown))
    if not isinstance(shown, ssl.SSLCertVerificationError):
        return None
    looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    looking.check_hostname, looking.verify_mode = False, ssl.CERT_NONE  # to read a date; every question goes by the other
    seen = await _shown(site, looking, within_s)
    return Certificate(_good_until(seen), trusted=False, says=why_not_trusted(shown)) if isinstance(seen, bytes) else None


async def _shown(site: Site, context: ssl.SSLContext, within_s: float) -> bytes | Exception:
    """The certificate of the other end as it came, or what stood in its way."""
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(site.base.host, site.base.port, ssl=context)
    except (OSError, TimeoutError, ssl.SSLError) as error:
        return error
    try:
        own: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return own.getpeercert(binary_form=True) or b""
    finally:
        writer.close()
        with suppress(OSError, TimeoutError, ssl.SSLError):
            await asyncio.wait_for(writer.wait_closed(), 1.0)


def _good_until(der: bytes) -> str:
    return stamp(x509.load_der_x509_certificate(der).not_valid_after_utc.astimezone(UTC))


