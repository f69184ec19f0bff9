"""The canonical form of URIs, with the answers that Perl's URI module gave."""

from __future__ import annotations

import pytest

from carecli.plan.uri import canonical_uri, normal_uri


@pytest.mark.parametrize(
    ("written", "normal", "canonical"),
    [
        ("https://github.com/A/b", "https://github.com/A/b", "https://github.com/A/b"),
        ("HTTP://Example.COM:80", "HTTP://Example.COM:80", "http://example.com/"),
        ("http://example.com?q", "http://example.com?q", "http://example.com?q"),
        ("https://u:p@Ex.com:443/%7eb/%c3%a9/é", "https://u:p@Ex.com:443/%7eb/%c3%a9/%C3%A9",
         "https://u:p@ex.com/~b/%C3%A9/%C3%A9"),
        ("https://Ex.com:8443/%2f%2F", "https://Ex.com:8443/%2f%2F", "https://ex.com:8443/%2F%2F"),
        ("git@github.com:Foo/Bar.git", "git@github.com:Foo/Bar.git", "git@github.com:Foo/Bar.git"),
        ("ssh://git@GitHub.com:22/Foo", "ssh://git@GitHub.com:22/Foo", "ssh://git@github.com/Foo"),
        ("git+ssh://GitHub.com/%7e", "git+ssh://GitHub.com/%7e", "git+ssh://GitHub.com/~"),
        ("urn:ISBN:0-395-36341-1", "urn:ISBN:0-395-36341-1", "urn:isbn:0-395-36341-1"),
        ("mailto:Foo@Bar.com", "mailto:Foo@Bar.com", "mailto:Foo@Bar.com"),
        ("file:/tmp", "file:/tmp", "file:///tmp"),
        ("file://localhost/tmp", "file://localhost/tmp", "file:///tmp"),
        ("https://EXÄMPLE.com/ü", "https://xn--exmple-cua.com/%C3%BC",
         "https://xn--exmple-cua.com/%C3%BC"),
        ("http://[FE80::1]:80/a[b]", "http://[FE80::1]:80/a%5Bb%5D", "http://[fe80::1]/a%5Bb%5D"),
        ("http://a@b@C.com/", "http://a@b@C.com/", "http://a%40b@c.com/"),
        ("<URL:http://foo.com/>", "http://foo.com/", "http://foo.com/"),
        ("foo/bar", "foo/bar", "foo/bar"),
        ("tag:example.com,2014:Foo", "tag:example.com,2014:Foo", "tag:example.com,2014:Foo"),
        ("http://Ex.com:/%zz", "http://Ex.com:/%zz", "http://ex.com/%zz"),
    ],
)  # fmt: skip
def test_forms(written: str, normal: str, canonical: str) -> None:
    """A URI is stored in one form and goes into the ids in another."""
    assert normal_uri(written) == normal
    assert canonical_uri(written) == canonical
