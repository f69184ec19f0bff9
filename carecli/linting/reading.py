"""A script as the rules see it: statements as tokens, and the code in their dollar quotes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from carecli.errors import CarecliError, SourceError
from carecli.linting.files import ScriptFile
from carecli.script import Purpose, Script, Statement, read_script
from carecli.script.effects import Effect, effects
from carecli.script.lexical import Token, located_tokens
from carecli.verification.findings import Finding

__all__ = ["Fault", "Sentence", "Text", "find", "read_text", "script_name", "unreadable"]


def script_name(path: Path) -> str:
    """Return how findings call a script: by its folder and its name."""
    return f"script {path.parent.name}/{path.name}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A place that breaks a rule.

    Arguments:
        offset: in the script's text, in characters from 0.
        object: what it is about, such as `table public.messages_v2`.
        detail: what is wrong.
        remedy: what is right.
    """

    offset: int
    object: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One statement.

    Arguments:
        tokens: of the statement; a dollar quote is one of them. Offsets are those of the script.
        body: tokens of the code in the dollar quote of a routine or a DO.
        effects: what it does to which objects.
    """

    tokens: tuple[Token, ...]
    body: tuple[Token, ...]
    effects: tuple[Effect, ...]

    @property
    def code(self) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
        """Both lists of tokens, for rules that hold in either."""
        return self.tokens, self.body

    @property
    def subject(self) -> str:
        """What the statement is about, for a person."""
        if not self.effects:
            words = [token.text for token in self.tokens[:2] if token.kind == "word"]
            return f"statement {' '.join(words)}"
        effect = self.effects[0]
        kind = "function" if effect.kind == "routine" else effect.kind
        on = f" on {effect.table}" if effect.table and effect.kind != "index" else ""
        return f"{kind} {effect.name}{on}"


@dataclass(frozen=True, slots=True)
class Text:
    """A script, read.

    Arguments:
        script: as carecli would run it.
        purpose: what it is for.
        sentences: its statements.
    """

    script: Script
    purpose: Purpose
    sentences: tuple[Sentence, ...]

    @property
    def name(self) -> str:
        """The script, for a person."""
        return script_name(self.script.path)

    @property
    def effects(self) -> Iterator[Effect]:
        """What all statements do, in order."""
        return (effect for sentence in self.sentences for effect in sentence.effects)

    def original(self, token: Token) -> str:
        """Return a token as it is written."""
        return self.script.text[token.offset : token.offset + len(token.text)]


def read_text(file: ScriptFile, *, routines: bool = True) -> Text:
    """Read a script.

    Arguments:
        file: which one.
        routines: whether to read the code of functions and procedures too, not of DO alone.

    Raises:
        CarecliError: it cannot be read, or would not be run.
    """
    script = read_script(file.path, variables=file.variables, purpose=file.purpose)
    sentences = tuple(_sentence(script, item, routines) for item in script.statements)
    return Text(script, file.purpose, sentences)


def unreadable(file: ScriptFile, error: CarecliError) -> Finding:
    """Return the finding for a script that cannot be read, or would not be run."""
    line = error.line if isinstance(error, SourceError) else None
    remedy = error.hint or "mend the script: carecli would not run it"
    return Finding(
        "script", "error", script_name(file.path), error.message, remedy, file.path, line
    )


def find(tokens: Sequence[Token], *words: str) -> Iterator[int]:
    """Yield the places at which these tokens follow each other.

    Arguments:
        tokens: where to look.
        words: their texts; None of them may be a word of several.
    """
    texts = [token.text for token in tokens]
    wanted = list(words)
    for at, text in enumerate(texts):
        if text == wanted[0] and texts[at : at + len(wanted)] == wanted:
            yield at


def _sentence(script: Script, statement: Statement, routines: bool) -> Sentence:
    start, sql = statement.offset, statement.sql
    if script.text.startswith(sql, start):
        # No variable in it: what is read in place has its place.
        tokens = tuple(located_tokens(script.text, start, start + len(sql)))
        body = tuple(_body(script.text, tokens, routines))
        return Sentence(tokens, body, tuple(effects(tokens)))

    def place(token: Token) -> Token:
        return token._replace(offset=statement.source_offset(token.offset))

    plain = tuple(located_tokens(sql))
    tokens = tuple(map(place, plain))
    return Sentence(tokens, tuple(map(place, _body(sql, plain, routines))), tuple(effects(tokens)))


def _body(sql: str, tokens: Sequence[Token], routines: bool) -> Iterator[Token]:
    words = [token.text for token in tokens[:5]]
    routine = words[:1] == ["create"] and not {"function", "procedure"}.isdisjoint(words)
    if not (routine and routines) and words[:1] != ["do"]:
        return
    for at, token in enumerate(tokens):
        if token.kind == "dollar" and (not routine or tokens[at - 1].text == "as"):
            tag = token.text.index("$", 1) + 1
            end = token.offset + len(token.text) - tag
            yield from located_tokens(sql, token.offset + tag, end)
            return
