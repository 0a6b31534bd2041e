"""What of a narrative's XHTML is safe to show? Words and simple marks; nothing that runs, loads, or hides."""

import html
import re
from html.parser import HTMLParser
from typing import Final

_KEPT: Final = frozenset(
    (
        "p", "br", "b", "strong", "i", "em", "u", "ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot",
        "tr", "th", "td", "caption", "h1", "h2", "h3", "h4", "h5", "h6", "div", "span", "sub", "sup", "pre", "blockquote",
        "hr", "small", "tt", "code", "cite", "q",
    )
)  # fmt: skip
_EMPTY: Final = frozenset(("br", "hr"))
# With everything inside them: what runs, loads, draws, asks, or is not text to begin with.
_DROPPED: Final = frozenset(
    (
        "script", "style", "svg", "math", "iframe", "object", "embed", "applet", "form", "input", "button", "select",
        "textarea", "template", "noscript", "title", "head", "video", "audio", "canvas", "frameset", "xmp", "plaintext",
    )
)  # fmt: skip
_VOID: Final = frozenset(("input", "embed"))  # dropped, and with nothing inside to skip
_ATTRIBUTES: Final = frozenset(("colspan", "rowspan", "lang", "dir"))
_DIGITS: Final = re.compile(r"[0-9]{1,3}\Z")
_WORD: Final = re.compile(r"[A-Za-z-]{2,12}\Z")
_BLOCKS: Final = frozenset(
    ("p", "br", "li", "tr", "div", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "hr", "table", "caption", "pre")
)
_SPACES: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r"\s*\n\s*")
_LONGEST: Final = 200_000


class _Writer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.marked: list[str] = []
        self.bare: list[str] = []
        self.open: list[str] = []
        self.dropping = ""
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.dropping:
            self.depth += tag == self.dropping
            return
        if tag in _DROPPED:
            if tag not in _VOID:
                self.dropping, self.depth = tag, 1
            return
        if tag in _BLOCKS:
            self.bare.append("\n")
        elif tag in ("td", "th"):
            self.bare.append(" ")
        if tag not in _KEPT:
            return
        kept = "".join(f' {name}="{value}"' for name, value in attrs if value and _harmless(name, value))
        self.marked.append(f"<{tag}{kept}>")
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.dropping:
            if tag == self.dropping:
                self.depth -= 1
                if not self.depth:
                    self.dropping = ""
            return
        if tag in self.open:
            while self.open:
                last = self.open.pop()
                self.marked.append(f"</{last}>")
                if last == tag:
                    break
        if tag in _BLOCKS:
            self.bare.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.dropping:
            self.marked.append(html.escape(data))
            self.bare.append(data)

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """CDATA holds words. Any other section is passed over: one that it does not know ends the parser with an error."""
        opens = "<![CDATA["
        if not self.rawdata.startswith(opens, i):
            return self.parse_bogus_comment(i)
        if (ends := self.rawdata.find("]]>", i)) < 0:
            return -1
        self.handle_data(self.rawdata[i + len(opens) : ends])
        return ends + 3


def safe(xhtml: str) -> str:
    """The same narrative with a short list of elements and no attribute that could act; well formed whatever came in.

    No address survives, in any attribute: a page of ours loads nothing and leads nowhere on a source's word.
    """
    writer = _write(xhtml)
    return "".join(writer.marked) + "".join(f"</{tag}>" for tag in reversed(writer.open))


def plain(xhtml: str) -> str:
    """The words alone, a line for each block; NOT escaped, so a template must do that."""
    if not xhtml:
        return ""
    text = _SPACES.sub(" ", "".join(_write(xhtml).bare))
    return _LINES.sub("\n", text).strip()


def _write(xhtml: str) -> _Writer:
    writer = _Writer()
    writer.feed(xhtml[:_LONGEST])
    writer.close()
    return writer


def _harmless(name: str, value: str) -> bool:
    if name not in _ATTRIBUTES:
        return False
    return bool((_DIGITS if name in ("colspan", "rowspan") else _WORD).match(value))
