"""Texts that a person, or somebody who means harm, may send."""

from __future__ import annotations

__all__ = ["ACCEPTED", "EMPTY", "WHITE_SPACE"]

# Every character with the Unicode property White_Space.
WHITE_SPACE = (
    "\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
    "\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

# At least ten characters, and accepted as they are.
ACCEPTED = {
    "1000 emoji of four bytes": "\U0001f600" * 1000,
    "combining marks": "e" + "\u0301\u0323" * 400,
    "only combining marks": "\u0301" * 1000,
    "right to left": "\u0623\u0633\u062a\u0637\u064a\u0639 \u0627\u0644\u0645\u0633\u0627\u0639",
    "overrides of direction": "\u202e\u202d" + "I can help" + "\u202c" * 5,
    "zero width characters": "\u200b\u200c\u200d\ufeff" * 3,
    "quotes": "'; drop table public.messages_v2; --",
    "percent signs": "100 %s %I %L %% $1 \\",
    "JSON": '{"success": true, "error": null}',
    "control characters": "\x01\x02\x03\x1b[31m red \x7f",
}

# Nothing is left of them.
EMPTY = {
    "no characters": "",
    "every white space": WHITE_SPACE,
    **{f"U+{ord(character):04X} alone": character for character in WHITE_SPACE},
}
