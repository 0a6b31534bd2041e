"""Which sign goes with which word? Small drawings in the colour of the text, hidden from screen readers: the word is read."""

from markupsafe import Markup

_LINES = {
    "triangle": '<path d="M10 2.2 18.6 17.5H1.4z"/><path d="M10 7.5v4.6M10 14.2v1.2"/>',
    "octagon": '<path d="M6.6 1.8h6.8l4.8 4.8v6.8l-4.8 4.8H6.6l-4.8-4.8V6.6z"/><path d="M10 5.5v5.6M10 13.2v1.3"/>',
    "unseen": '<rect x="2" y="2" width="16" height="16" stroke-dasharray="3.4 2.4"/><path d="M10 5.5v5.6M10 13.2v1.3"/>',
    "struck": '<circle cx="10" cy="10" r="7.8"/><path d="M4.6 15.4 15.4 4.6"/>',
    "tick": '<path d="M4 10.5l4 4 8-9"/>',
    "cross": '<circle cx="10" cy="10" r="7.8"/><path d="M7 7l6 6M13 7l-6 6"/>',
    "half": '<circle cx="10" cy="10" r="7.8"/><path d="M10 2.2v15.600a7.800 7.800 0 0 1 0-15.600z" fill="currentColor"/>',
    "late": '<path d="M2 10h12M9.500 5l5 5-5 5M17.500 3.500v13"/>',
    "loading": '<circle cx="10" cy="10" r="7.8" stroke-dasharray="3 2.4"/><path d="M10 5.500V10l3 2.200"/>',
    "notasked": '<circle cx="10" cy="10" r="7.800" stroke-dasharray="1 3" stroke-linecap="round"/><path d="M6.500 10h7"/>',
    "lock": '<rect x="3.5" y="8.500" width="13" height="9"/><path d="M6.500 8.500V6a3.500 3.500 0 0 1 7 0v2.500"/>',
    "info": '<circle cx="10" cy="10" r="7.8"/><path d="M10 9v5.500M10 5.600v1.300"/>',
    "question": '<circle cx="10" cy="10" r="7.8" stroke-dasharray="3 2.4"/>'
    '<path d="M10 13.9v1.2M7.7 8.1c0-3 4.6-3 4.6-.2 0 1.800-2.300 1.900-2.300 3.900"/>',
    "differs": '<path d="M3 7.500h14M3 12.500h14M13.500 3l-7 14"/>',
    "near": '<path d="M2 7.500c2.700-3 5.300-3 8 0s5.300 3 8 0M2 13.500c2.700-3 5.300-3 8 0s5.300 3 8 0"/>',
    "people": '<circle cx="7" cy="6.500" r="3"/><circle cx="14" cy="7.500" r="2.400"/>'
    '<path d="M1.500 17c0-6 11-6 11 0M13 12.200c3 0 5.300 1.300 5.300 4.300"/>',
}


def icon(name: str) -> Markup:
    """The drawing of this name, as inline SVG."""
    lines = Markup(_LINES[name])  # noqa: S704 - our own drawings, above
    return Markup(
        '<svg class="cr-icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false" fill="none" '
        'stroke="currentColor" stroke-width="1.9">{}</svg>'
    ).format(lines)
