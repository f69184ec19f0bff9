"""The form of a project's URI that goes into sqitch's ids: what Perl's URI module makes of it."""

from __future__ import annotations

import re

from carecli.plan.names import SPACES

__all__ = ["canonical_uri", "normal_uri"]

# Schemes whose authority is a server (URI::_server), with the port that goes without saying.
_PORTS = {
    "ftp": 21,
    "gopher": 70,
    "http": 80,
    "https": 443,
    "mms": 1755,
    "news": 119,
    "nntp": 119,
    "nntps": 563,
    "pop": 110,
    "rlogin": 513,
    "rsync": 873,
    "rtsp": 554,
    "rtspu": 554,
    "sftp": 22,
    "snews": 563,
    "ssh": 22,
    "telnet": 23,
    "tn3270": 23,
}
_WITH_ROOT = frozenset({"http", "https", "mms", "rtsp", "rtspu"})
_WITHOUT_HOST = frozenset({"data", "ldapi", "urn", "sqlite", "sqlite3"})

_SCHEME = re.compile(r"\A([A-Za-z][A-Za-z0-9.+\-]*):")
_PARTS = re.compile(r"\A((?:[A-Za-z][A-Za-z0-9.+\-]*:)?)(?://([^/?#]*))?([^?#]*)(.*)\Z", re.DOTALL)
_UNSAFE = re.compile(r"[^;/?:@&=+$,A-Za-z0-9\-_.!~*'()%#]")
_UNSAFE_IN_HOST = re.compile(r"[^;/?:@&=+$,A-Za-z0-9\-_.!~*'()%\[\]]")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-_.!~*'()]")


def normal_uri(text: str) -> str:
    """Return a URI as Perl's `URI->new` understands the text; it is what the registry stores.

    Arguments:
        text: the value of the plan's `%uri`.
    """
    text = re.sub(r"\A<(?:URL:)?(.*)>\Z", r"\1", text)
    text = re.sub(r'\A"(.*)"\Z', r"\1", text).strip(SPACES)
    scheme = _scheme(text)
    if scheme in _PORTS:
        text = _with_ascii_host(text)
    text = _UNSAFE.sub(lambda match: _escape(match[0]), text)
    if scheme == "mailto":
        return _with_brackets(text)
    if scheme in _WITHOUT_HOST:
        return text
    prefix, authority, path, rest = _split(text)
    if authority is None:
        return text
    userinfo, at, host = authority.rpartition("@")
    return f"{prefix}//{userinfo}{at}{_with_brackets(host)}{path}{rest}"


def canonical_uri(text: str) -> str:
    """Return the canonical form of a URI, which goes into the ids of changes and tags.

    Scheme and server are in lower case, escapes in upper case and only where they are needed, and
    the port is left out where it goes without saying.

    Arguments:
        text: the value of the plan's `%uri`.
    """
    normal = normal_uri(text)
    uri = _ESCAPED.sub(_unescape_unreserved, normal)
    scheme = _scheme(uri)
    uri = _SCHEME.sub(f"{scheme}:", uri)
    if scheme == "urn":
        namespace = re.match(r"urn:[^:#]*", uri)
        # A namespace with an escape in it is left alone, even where the escape is not needed.
        if namespace and "%" not in normal[: namespace.end()]:
            return namespace[0].lower() + uri[namespace.end() :]
        return uri
    prefix, authority, path, rest = _split(uri)
    if scheme == "file" and (authority or "").lower() in ("", "localhost"):
        root = "/" if path[:1] not in ("", "/") else ""
        return f"{prefix}//{root}{path}{rest}"
    if scheme not in _PORTS or authority is None:
        return uri
    authority = _canonical_server(authority, _PORTS[scheme])
    if scheme in _WITH_ROOT and not path and not rest.startswith("?"):
        path = "/"
    return f"{prefix}//{authority}{path}{rest}"


def _scheme(uri: str) -> str:
    match = _SCHEME.match(uri)
    return match[1].lower() if match else ""


def _split(uri: str) -> tuple[str, str | None, str, str]:
    """Return the scheme with its colon, the authority, the path, and what follows it."""
    match = _PARTS.match(uri)
    if match is None:  # pragma: no cover - each part of the pattern may be empty
        return "", None, uri, ""
    return match[1], match[2], match[3], match[4]


def _canonical_server(authority: str, default_port: int) -> str:
    userinfo, at, server = authority.rpartition("@")
    host, colon, port = server.rpartition(":")
    if not colon or not re.fullmatch("[0-9]*", port):
        host, colon, port = server, "", ""
    if colon and (port == "" or int(port) == default_port):
        colon = port = ""
    canonical = f"{host.lower()}{colon}{port}"
    # A second @ is escaped, but only where the server had to be written anew.
    userinfo = userinfo if canonical == server else userinfo.replace("@", "%40")
    return f"{userinfo}{at}{canonical}"


def _with_ascii_host(text: str) -> str:
    """Return a URI whose server is in ASCII, by the rules for international names."""
    prefix, authority, path, rest = _split(text)
    userinfo, at, server = (authority or "").rpartition("@")
    port = re.search(r"(:[0-9]+)?\Z", server)
    host = server[: port.start()] if port else server
    if authority is None or not _UNSAFE_IN_HOST.search(host):
        return text
    labels = [
        label if label.isascii() else "xn--" + label.lower().encode("punycode").decode("ascii")
        for label in host.split(".")
    ]
    return f"{prefix}//{userinfo}{at}{'.'.join(labels)}{server[len(host) :]}{path}{rest}"


def _with_brackets(text: str) -> str:
    return re.sub("%5D", "]", re.sub("%5B", "[", text, flags=re.I), flags=re.I)


def _escape(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8"))


def _unescape_unreserved(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return char if _UNRESERVED.match(char) else match[0].upper()
