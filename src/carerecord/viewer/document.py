"""How is a document handed to the reader's own computer? As a file that nothing here opens, named by what it is, not by whom."""

import mimetypes

from starlette.responses import Response

from carerecord.contracts.records import Expanded
from carerecord.viewer.visit import Visit


def as_a_file(visit: Visit, expanded: Expanded) -> Response:
    """The document as its source sent it. It is never shown within our pages: it may hold script of its own."""
    kind = expanded.content_type or "application/octet-stream"
    headers = {
        **visit.headers(),
        "Content-Disposition": f'attachment; filename="document{mimetypes.guess_extension(kind) or ".bin"}"',
        "Content-Type": kind if kind.isascii() and kind.isprintable() else "application/octet-stream",
    }
    return Response(expanded.content, headers=headers)
