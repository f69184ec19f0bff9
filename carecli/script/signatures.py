"""The argument types that tell routines of one name apart, read from any way to write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carecli.script.lexical import Token

__all__ = ["arguments_end", "identity", "split_arguments"]

_MODES = frozenset(("in", "out", "inout", "variadic"))
# The first words of types that are written with several; the rest is part of the type.
_LONG = {
    "double": "double precision",
    "character": "character varying",
    "char": "char varying",
    "national": "national character varying",
    "bit": "bit varying",
    "time": "time with without time zone",
    "timestamp": "timestamp with without time zone",
    "interval": "interval year to month day hour minute second",
}
_SAME = {
    "int": "integer",
    "int4": "integer",
    "int2": "smallint",
    "int8": "bigint",
    "bool": "boolean",
    "float": "double precision",
    "float8": "double precision",
    "float4": "real",
    "decimal": "numeric",
    "varchar": "character varying",
    "char varying": "character varying",
    "char": "character",
    "bpchar": "character",
    "varbit": "bit varying",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "timestamp without time zone": "timestamp",
    "time without time zone": "time",
}


def arguments_end(tokens: Sequence[Token], at: int) -> int:
    """Return the place behind the parenthesis that closes the one at a place."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place + 1
    return len(tokens)


def split_arguments(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the parts of a list between its commas, those in parentheses aside."""
    depth, part = 0, list[Token]()
    for token in tokens:
        depth += {"(": 1, ")": -1, "[": 1, "]": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part


def identity(tokens: Sequence[Token]) -> tuple[str, ...]:
    """Return the types of the arguments that a call gives, without schema, in one spelling.

    Arguments:
        tokens: what stands between the parentheses, of CREATE or of DROP FUNCTION.
    """
    parts = (_type(part) for part in split_arguments(tokens))
    return tuple(part for part in parts if part is not None)


def _type(tokens: Sequence[Token]) -> str | None:
    """Return the type of one argument, None of an OUT argument."""
    words = _units(tokens)
    if words[:1] == ["out"] and len(words) > 1:
        return None
    if words and words[0] in _MODES and len(words) > 1:
        words = words[1:]
    array = "".join(word for word in words if word in ("[", "]"))
    words = [word for word in words if word not in ("[", "]")]
    if len(words) > 1 and words[1] not in _LONG.get(words[0], words[0]).split()[1:]:
        words = words[1:]  # the name of the argument
    first = words[0] if words else ""
    known = _LONG.get(first, "").split()
    kept = [first, *(word for word in words[1:] if word in known)] if known else [first]
    plain = " ".join(kept)
    return _SAME.get(plain, plain) + ("[]" if array else "")


def _units(tokens: Sequence[Token]) -> list[str]:
    """Return the words up to the default; of a qualified name the last one, no type modifiers."""
    units: list[str] = []
    depth, joined = 0, False
    for token in tokens:
        if depth == 0 and token.text in ("default", "="):
            break
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth or token.text == ")":
            continue
        if token.text == ".":
            joined = True
        elif token.text != ":":
            text = token.text.strip('"') if token.kind == "name" else token.text
            if joined:
                units[-1] = text
            elif token.kind != "number":
                units.append(text)
            joined = False
    return units
