"""Texts stay texts, whatever is in them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.reporting.markup import breakable, node, serialise
from tests.plugins.reports import HOSTILE


class Reader(HTMLParser):
    """Notes the elements and the text of a page, as a browser would read it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[str | None] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data


def test_text_is_no_markup() -> None:
    """An attack comes out as it went in, as text and as the value of an attribute."""
    read = Reader(serialise(node("p", HOSTILE, node("b", HOSTILE), HOSTILE, title=HOSTILE)))
    assert read.tags == ["p", "b"]
    assert read.text.strip() == HOSTILE * 3
    assert read.values == [HOSTILE]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")))
def test_any_text_comes_out_as_it_went_in(text: str) -> None:
    """Whatever characters there are, there is one element, with that text."""
    read = Reader(serialise(node("b", text, title=text)))
    assert (read.tags, read.values, read.text) == (["b"], [text], f"\n{text}")


@pytest.mark.parametrize("char", ["\0", "\x1b", "\x7f", "\x9b", "\ud800", "\uffff"])
def test_control_characters_are_replaced(char: str) -> None:
    """What no page may hold, or a terminal would obey, is shown to have been there."""
    page = serialise(node("p", f"a{char}b", title=char))
    assert "a\ufffdb" in page
    assert char not in page


def test_attributes_have_their_names() -> None:
    """Underscores stand for hyphens, None for no attribute, numbers are short."""
    made = node("rect", class_="bar", aria_hidden="true", x=1 / 3, y=None)
    assert made.attrib == {"class": "bar", "aria-hidden": "true", "x": "0.3333333"}


def test_content_keeps_its_order() -> None:
    """Elements and texts may be mixed, and nested in lists."""
    made = node("p", "one ", [node("b", "two"), " three ", None, [node("i", "four")]], " five")
    assert "<p>one <b>two</b> three <i>four</i> five</p>" in serialise(made)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("error_rate", ["error_", "rate"]),
        ("startHelpConversation", ["start", "Help", "Conversation"]),
        ("p95", ["p95"]),
        ("__", ["__"]),
    ],
)
def test_long_names_can_be_broken(name: str, parts: list[str]) -> None:
    """A line may end inside a name where a word of it ends; the text is the same."""
    page = serialise(node("b", breakable(name)))
    assert page.endswith(f"<b>{'<wbr>'.join(parts)}</b>")
