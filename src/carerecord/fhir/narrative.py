"""What of a narrative's XHTML is safe to show? Words and simple marks; nothing that runs, loads, or hides."""

import html
import re
from collections import Counter
from collections.abc import Iterator
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
# Our own reading of tags: Python's goes through the rest anew from each mark that never ends, for most of a minute.
_CDATA: Final = "<![CDATA["
_PASSED_OVER: Final = {"<!--": "-->", _CDATA: "]]>", "<!": ">", "<?": ">"}
_STARTS_A_TAG: Final = re.compile(r"</?[A-Za-z]")
_VALUE: Final = r"""(?:\s*+=\s*+("[^"]*+"|'[^']*+'|(?!["'])[^\s>]*+))?+"""
_ATTRIBUTE: Final = re.compile(rf"([^\s/>][^\s/>=]*+){_VALUE}")
_TAG: Final = re.compile(rf"<(/?)([A-Za-z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE.pattern})*+)>")
_RAW: Final = {tag: re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE) for tag in ("script", "style")}  # no markup within
_NO_CHARACTER: Final = re.compile(r"&#[0-9]{20,}+;?")  # a number that is too long even to be read as one


class _Writer:
    """Goes through a text once. A mark that never ends is a sign like any other: it is shown, and hides nothing behind it."""

    def __init__(self, text: str) -> None:
        self.marked: list[str] = []
        self.bare: list[str] = []
        self.open: list[str] = []
        self._opened: Counter[str] = Counter()
        self._dropping = ""
        self._depth = 0
        self._text = text
        self._last = {end: text.rfind(end) for end in ("-->", "]]>", ">")}  # behind these nothing need be looked for

    def write(self) -> None:
        text, at = self._text, 0
        while at < len(text):
            mark = text.find("<", at)
            mark = len(text) if mark < 0 else mark
            self._words(_meant(text[at:mark]))
            at = self._past(mark) if mark < len(text) else mark

    def _past(self, at: int) -> int:
        """Where what begins with this angle bracket ends."""
        text = self._text
        if _STARTS_A_TAG.match(text, at):
            found = _TAG.match(text, at) if at < self._last[">"] else None
            if found is not None:
                return self._tag(found)
            self._words(_meant(text[at:]))
            return len(text)
        for opens, ends in _PASSED_OVER.items():
            if text.startswith(opens, at):
                begins = at + (len(opens) if opens == _CDATA else 2)  # "<!-->" is a whole comment
                if begins > self._last[ends]:
                    break
                end = text.find(ends, begins)
                if opens == _CDATA:
                    self._words(text[begins:end])
                return end + len(ends)
        self._words("<")
        return at + 1

    def _tag(self, found: re.Match[str]) -> int:
        tag, within = found[2].lower(), found[3]
        if found[1]:
            self._end(tag)
            return found.end()
        self._start(tag, within)
        if within.endswith("/"):
            self._end(tag)
        elif (ends := _RAW.get(tag)) is not None:
            end = ends.search(self._text, found.end())
            return end.start() if end else len(self._text)
        return found.end()

    def _start(self, tag: str, within: str) -> None:
        if self._dropping:
            self._depth += tag == self._dropping
            return
        if tag in _DROPPED:
            if tag not in _VOID:
                self._dropping, self._depth = tag, 1
            return
        if tag in _BLOCKS:
            self.bare.append("\n")
        elif tag in ("td", "th"):
            self.bare.append(" ")
        if tag not in _KEPT:
            return
        self.marked.append(f"<{tag}{''.join(_attributes(within))}>")
        if tag not in _EMPTY:
            self.open.append(tag)
            self._opened[tag] += 1

    def _end(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping:
                self._depth -= 1
                if not self._depth:
                    self._dropping = ""
            return
        if self._opened[tag]:
            last = ""
            while last != tag:
                last = self.open.pop()
                self._opened[last] -= 1
                self.marked.append(f"</{last}>")
        if tag in _BLOCKS:
            self.bare.append("\n")

    def _words(self, words: str) -> None:
        if words and not self._dropping:
            self.marked.append(html.escape(words))
            self.bare.append(words)


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
    writer = _Writer(xhtml[:_LONGEST])
    writer.write()
    return writer


def _meant(text: str) -> str:
    """The text without its entities."""
    return html.unescape(_NO_CHARACTER.sub("\ufffd", text)) if "&" in text else text


def _attributes(within: str) -> Iterator[str]:
    """Those of a tag that are kept, each once."""
    kept = set()
    for name, said in _ATTRIBUTE.findall(within):
        named = name.lower()
        if named in _ATTRIBUTES and named not in kept:
            value = _meant(said[1:-1] if said[:1] in ("'", '"') else said)
            if (_DIGITS if named in ("colspan", "rowspan") else _WORD).match(value):
                kept.add(named)
                yield f' {named}="{value}"'
