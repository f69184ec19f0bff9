"""HTML and SVG as a tree, in which a text can never become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

__all__ = ["Content", "breakable", "node", "serialise"]

Content: TypeAlias = "Element | str | Iterable[Content] | None"

# What no page may hold, and what a terminal or a parser could make something of.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_JOINT = re.compile(r"(?<=_)(?=[^_])|(?<=[a-z])(?=[A-Z])")
# A line of its own in the file, so that two reports can be compared.
_BLOCKS = frozenset(
    "body div dl figure footer h1 h2 h3 header li link main meta ol p section svg table"  # noqa: SIM905
    " tbody thead title tr ul".split()
)


def node(tag: str, *content: Content, **attributes: str | float | None) -> Element:
    """Return an element.

    Arguments:
        tag: its name.
        content: elements, texts, and lists of these, in their order; None is nothing.
        attributes: by name; an underscore at the end is left out, others stand for hyphens
            (`class_`, `aria_label`). None: the element has no such attribute.
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            text = value if isinstance(value, str) else f"{value:.7g}"
            made.set(name.rstrip("_").replace("_", "-"), _clean(text))
    _append(made, content)
    if tag in _BLOCKS:
        made.tail = "\n"
    return made


def _append(parent: Element, content: Content) -> None:
    if content is None:
        return
    if isinstance(content, Element):
        parent.append(content)
    elif isinstance(content, str):
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + _clean(content)
        else:
            parent.text = (parent.text or "") + _clean(content)
    else:
        for item in content:
            _append(parent, item)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def breakable(name: str) -> Content:
    """Return a name in which a line may end: behind an underscore, before a capital."""
    first, *others = _JOINT.split(name)
    return [first, *([node("wbr"), part] for part in others)]


def serialise(root: Element) -> str:
    """Return the whole page as text."""
    return f"<!doctype html>\n{tostring(root, encoding='unicode', method='html')}"
