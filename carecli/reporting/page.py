"""The page of a report: one file of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element

from carecli.reporting import sections
from carecli.reporting.figures import length, moment
from carecli.reporting.markup import node, serialise
from carecli.reporting.model import Report
from carecli.reporting.verdict import Verdict, verdict

__all__ = ["GENERATOR", "render"]

GENERATOR = "carecli report"
"""What the page names as its maker; tells a report from other files."""

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
_TITLE = "Messaging V2: hand-over"


def render(report: Report) -> str:
    """Return the page; the same report gives the same page, to the byte.

    Arguments:
        report: what stands in it. No text of it can become markup.
    """
    found = verdict(report)
    return serialise(
        node(
            "html",
            _head(report, found),
            node("body", _header(report), _main(report, found), _footer(report)),
            lang="en",
        )
    )


def _head(report: Report, found: Verdict) -> Element:
    def meta(name: str, content: str) -> Element:
        return node("meta", name=name, content=content)

    policy = {"http-equiv": "Content-Security-Policy", "content": _POLICY}
    declared = node("meta")
    declared.attrib.update(policy)
    return node(
        "head",
        node("meta", charset="utf-8"),
        meta("generator", f"{GENERATOR} {report.version}"),
        declared,
        meta("viewport", "width=device-width, initial-scale=1"),
        meta("color-scheme", "light dark"),
        meta("referrer", "no-referrer"),
        meta("robots", "noindex"),
        # Without it a browser asks the place that serves the page for an icon.
        node("link", rel="icon", href="data:,"),
        node("title", f"{found.headline}. {_TITLE}, {moment(report.made_at)}"),
        node("style", Path(__file__).with_name("style.css").read_text(encoding="utf-8")),
    )


def _header(report: Report) -> Element:
    begin = report.made_at - report.window
    facts = (
        ("Database", report.database),
        ("Server", report.server),
        ("Made at", moment(report.made_at)),
        ("Window", f"{length(report.window)}, since {moment(begin)}"),
    )
    return node(
        "header",
        node("h1", _TITLE),
        node(
            "dl",
            ([node("dt", name), node("dd", text)] for name, text in facts),
            class_="facts",
        ),
    )


def _main(report: Report, found: Verdict) -> Element:
    parts: tuple[tuple[str, str, Iterable[Element]], ...] = (
        ("alerts", "Alerts", sections.alerts(report)),
        ("metrics", "Metrics", sections.metrics(report)),
        ("errors", "Errors", sections.errors(report)),
        ("rollout", "Rollout", sections.rollout(report)),
        ("tables", "Tables", sections.tables(report)),
        ("migrations", "Migrations", sections.migrations(report)),
    )
    links = [node("li", node("a", title, href=f"#{name}")) for name, title, _ in parts]
    return node(
        "main",
        sections.summary(found),
        node("nav", node("ul", links), aria_label="Parts of this page"),
        (
            node(
                "section",
                node("h2", title, id=f"{name}-heading"),
                content,
                id=name,
                aria_labelledby=f"{name}-heading",
            )
            for name, title, content in parts
        ),
    )


def _footer(report: Report) -> Element:
    return node(
        "footer",
        node(
            "p",
            f"Made by carecli {report.version} at {moment(report.made_at)}. All times are UTC. "
            "A gap in a plot is a time without data.",
        ),
    )
