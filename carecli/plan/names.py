"""The lexical rules of sqitch.plan: blanks, names, timestamps and planners."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = [
    "BLANK",
    "HEAD",
    "NAME",
    "PLANNER",
    "RESERVED",
    "SPACES",
    "TIMESTAMP",
    "is_name",
    "looks_like_id",
    "name_fault",
    "shadow",
]

# The rules are those of sqitch 1.3 (App::Sqitch::Plan), whose regular expressions have Perl's
# Unicode semantics. They are written here for ASCII and applied to the shadow of a text (below),
# which gives every other character the class that Perl sees in it.
PUNCTUATION: Final = r"\-!\"#$%&'()*+,./:;<=>?@\[\\\]^`{|}~"
BLANK: Final = r"[ \t]"
NAME: Final = (
    rf"(?![{PUNCTUATION}])"
    rf"(?:(?![~/=%^][0-9]+(?:$|{BLANK}))[^ \t:@#\\])+"
    rf"(?<![{PUNCTUATION}])\b"
)
TIMESTAMP: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
PLANNER: Final = rf"(?P<planner_name>[^<]+){BLANK}+<(?P<planner_email>[^>]+)>"
HEAD: Final = (
    rf"(?P<lspace>{BLANK}*)"
    rf"(?:@|(?P<lopspace>{BLANK}*)(?P<operator>[+-])(?P<ropspace>{BLANK}*))?"
)
RESERVED: Final = frozenset({"ROOT", "HEAD"})

# What Perl's `\s` trims off a note; Python's `str.strip` takes the separators 0x1C to 0x1F too.
SPACES: Final = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_BLANKS: Final = frozenset(SPACES) - frozenset("\n\x0b\x0c\r\x85\u2028\u2029")
_JOINERS: Final = frozenset("\u200c\u200d")
_CIRCLED_LETTERS: Final = (
    (0x24B6, 0x24E9),
    (0x1F130, 0x1F149),
    (0x1F150, 0x1F169),
    (0x1F170, 0x1F189),
)

_NAME_ALONE = re.compile(rf"\A{NAME}\Z", re.ASCII)
_ID_AT_START = re.compile(r"[0-9a-f]{40}")


def shadow(text: str) -> str:
    """Return a text of the same length in which ASCII patterns match as Perl's match the original.

    Blanks become a space, digits `0`, word characters `x` and the rest a sign that is none of them.

    Arguments:
        text: any text; it is returned as it is when it is all ASCII.
    """
    return text if text.isascii() else "".join(map(_shadow_of, text))


def _shadow_of(char: str) -> str:
    if char.isascii():
        return char
    category = unicodedata.category(char)
    if char in _BLANKS:
        return " "
    if category == "Nd":
        return "0"
    if category[0] in "LM" or category in ("Nl", "Pc") or char in _JOINERS:
        return "x"
    if any(first <= ord(char) <= last for first, last in _CIRCLED_LETTERS):
        return "x"
    return "\xa7"


def is_name(text: str) -> bool:
    """Tell whether sqitch takes the text for a name: of a change, a tag or a project."""
    return _NAME_ALONE.match(shadow(text)) is not None


def looks_like_id(text: str) -> bool:
    """Tell whether a name begins like a SHA-1 id, which sqitch does not allow."""
    return _ID_AT_START.match(text) is not None


def name_fault(name: str, *, tag: bool) -> str | None:
    """Return what is wrong with the name of a change or tag, or None.

    Arguments:
        name: the name, without the `@` of a tag.
        tag: whether it names a tag.
    """
    sign = "@" if tag else ""
    if name in RESERVED:
        return f'"{sign}{name}" is a reserved name'
    if looks_like_id(name):
        return f'"{name}" could be confused with a SHA-1 id'
    # sqitch reads "0" as no name at all.
    if name == "0" or not is_name(name):
        return f'"{name}" is not a valid name'
    if tag and "/" in name:
        return f'tag "@{name}" must not contain "/"'
    return None
