"""Fetch a file by its URL: over HTTP and HTTPS, from the public internet, with limits for time, bytes and redirects.

URLs may be hostile: one could make this host send requests to its own network, such as a cloud's metadata service. So
the addresses of a host name are checked, and the connection uses a checked address, after every redirect again. A proxy
that the environment names gets a checked address, too; only on demand does it get the name, and choose the address.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import quote as percent_encode
from urllib.parse import urljoin, urlsplit

from stylevote.config.photos import Downloads
from stylevote.photos.proxies import open_tunnel, proxy_for
from stylevote.wording import quote

PORTS = {"http": 80, "https": 443}
MAX_REDIRECTS = 5
CONNECT_SECONDS = 10  # per address of a host: the first may not answer
REDIRECTS = (301, 302, 303, 307, 308)
RETRYABLE = (408, 425, 429)  # besides 500 and above
HEADERS = {"Accept": "image/*", "User-Agent": "stylevote", "Connection": "close"}
# Reserved for protocols, such as clouds' metadata (192.0.0.192). Python's versions disagree which of them are global.
PROTOCOLS = [ip_network("192.0.0.0/24"), ip_network("2001::/23")]
# May lead to any IPv4 address: a network's own gateway (RFC 8215), a host's translation (RFC 2765), and the
# unspecified, loopback and IPv4-compatible addresses (RFC 4291, 2.5.5.1).
EMBEDDED = [ip_network("64:ff9b:1::/48"), ip_network("::ffff:0:0:0/96"), ip_network("::/96")]
# A gateway translates these: the last 32 bits are an IPv4 address (RFC 6052).
TRANSLATED = IPv6Network("64:ff9b::/96")


class PermanentError(Exception):
    """The file cannot be fetched, and another attempt would not help."""


class TransientError(Exception):
    """The file cannot be fetched now; ``pause``: seconds that the host asks to wait, or 0."""

    def __init__(self, text: str, pause: float = 0.0) -> None:
        super().__init__(text)
        self.pause = pause


class Target(NamedTuple):
    """The parts of a URL; ``path`` includes the query."""

    scheme: str
    host: str
    port: int
    path: str


def fetch(url: str, settings: Downloads, is_complete: Callable[[bytes], bool] = bool) -> bytes:
    """Return the content of ``url``.

    Args:
        url: address of the file.
        settings: limits. The time includes redirects, and not the look-up of host names, which the system limits.
        is_complete: tells whether a response is complete if the host does not send its length; by default, whether it
            is not empty.

    Raises:
        PermanentError: the file does not exist, is too large, or must not be requested.
        TransientError: the host is overloaded, out of order or cannot be reached, or the response takes too long or is
            truncated.
    """
    ends = time.monotonic() + settings.seconds
    target = parse_url(url)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _ask(target, settings, ends, is_complete)
        if isinstance(answer, bytes):
            return answer
        try:
            url = urljoin(url, answer)
            target = parse_url(url)
        except (PermanentError, ValueError) as error:
            raise PermanentError(f"redirected: {error}") from error
    raise PermanentError(f"redirected more than {MAX_REDIRECTS} times")


def parse_url(url: str) -> Target:
    """Return the parts of ``url``; raise `PermanentError` if it must not be requested."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in PORTS:
            raise PermanentError(f"{quote(url)}: expected a URL that begins with http:// or https://")
        if "@" in parts.netloc:
            raise PermanentError("its URL holds a user name or a password")
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port or PORTS[parts.scheme]
        path = percent_encode(parts.path or "/", safe="/%:=&~+!$,;'@()*") + (
            "?" + percent_encode(parts.query, safe="/%:=&?~+!$,;'@()*") if parts.query else ""
        )
    except ValueError as error:  # UnicodeError is one
        raise PermanentError(f"{quote(url)}: no URL ({error})") from error
    if not host or re.search(r"[\s/\\%]", host):
        raise PermanentError(f"{quote(url)}: no URL of a host")
    return Target(parts.scheme, host, port, path)


def is_public(address: str) -> bool:
    """Tell whether an IP address is on the public internet; of an IPv6 address, an embedded IPv4 address counts."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in TRANSLATED:
            embedded = IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded:
            return is_public(str(embedded))
        if ip.is_site_local or any(ip in network for network in EMBEDDED):
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in PROTOCOLS)


def _ask(target: Target, settings: Downloads, ends: float, is_complete: Callable[[bytes], bool]) -> bytes | str:
    """Return the body of the response, or the URL of a redirect."""
    try:
        with closing(_Connection(target, settings, ends)) as connection:
            try:
                connection.request("GET", connection.requested, headers=HEADERS | connection.proxy_headers)
                return _read(connection.getresponse(), int(settings.megabytes * 1e6), is_complete)
            finally:
                connection.stop_clock()
                if connection.expired:
                    raise TimeoutError
    except ssl.SSLCertVerificationError as error:
        raise PermanentError(f"the certificate of {target.host} is not valid ({error.verify_message})") from error
    except TimeoutError as error:
        raise TransientError(f"not complete after {settings.seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        # The error may quote a response of any length that is no HTTP.
        reason = getattr(error, "strerror", None) or f"{type(error).__name__} {str(error)[:40]!a}"
        raise TransientError(f"no complete response from {target.host} ({reason})") from error


def _read(response: http.client.HTTPResponse, limit: int, is_complete: Callable[[bytes], bool]) -> bytes | str:
    """Return the body, at most ``limit`` bytes, or the URL of a redirect."""
    status, location = response.status, response.getheader("Location")
    if status in REDIRECTS and location:
        return _decoded(location)
    if status != 200:
        text = f"{status} {http.client.responses.get(status, '')}".strip()
        if status in RETRYABLE or status >= 500:
            raise TransientError(text, _seconds(response.getheader("Retry-After")))
        raise PermanentError(text)
    expected = response.length
    data = response.read(limit + 1) if expected is None or expected <= limit else b""
    if max(expected or 0, len(data)) > limit:
        raise PermanentError(f"more than {limit / 1e6:g} MB")
    if expected is not None and len(data) < expected:
        raise TransientError(f"truncated: {len(data)} of {expected} bytes")
    if expected is None and not response.chunked and not is_complete(data):
        raise TransientError(f"truncated or damaged: {len(data)} bytes of an unknown number")
    return data


def _decoded(location: str) -> str:
    """Return a header, which was read as Latin-1, as UTF-8 if it can be: nearly all hosts write that."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location


def _seconds(retry_after: str | None) -> float:
    """Return the seconds to wait for a host, which sends a number or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return 0.0
    if re.fullmatch(r"\d{1,9}", retry_after, re.ASCII):
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Connection(http.client.HTTPConnection):
    """A connection to a checked address, which ends at its time even if bytes keep arriving slowly."""

    def __init__(self, target: Target, settings: Downloads, ends: float) -> None:
        self.default_port = PORTS[target.scheme]
        super().__init__(target.host, target.port)
        self.target, self.settings, self.ends, self.expired = target, settings, ends, False
        self.clock: threading.Timer | None = None
        self.end: socket.socket | None = None
        self.proxy = proxy_for(*target[:3])
        self.requested, self.proxy_headers = target.path, {}
        self.tunnelled = self.proxy is not None and (target.scheme == "https" or not settings.proxy_resolves)
        if self.proxy and not self.tunnelled:
            host = f"[{target.host}]" if ":" in target.host else target.host
            self.requested = f"{target.scheme}://{host}:{target.port}{target.path}"
            self.proxy_headers = self.proxy.headers

    def connect(self) -> None:
        """Connect to one of the host's addresses, or to the proxy."""
        addresses = self._addresses()
        sock = self._open(self._look_up(self.proxy.host, self.proxy.port) if self.proxy else addresses)
        # TLS takes over the socket; shutting down a duplicate ends the connection in any state.
        self.end = sock.dup()
        self.sock = sock
        self.clock = threading.Timer(self._left(), self._expire)
        self.clock.daemon = True
        self.clock.start()
        if self.tunnelled:
            self._tunnel(sock, self.target.host if self.settings.proxy_resolves else addresses[0][1][0])
        if self.target.scheme == "https":
            self.sock = _certificates().wrap_socket(sock, server_hostname=self.target.host)

    def stop_clock(self) -> None:
        """Cancel the end of the connection by time."""
        if self.clock and self.end:
            self.clock.cancel()
            self.end.close()

    def _expire(self) -> None:
        self.expired = True
        with suppress(OSError):  # it has just ended by itself
            self.end.shutdown(socket.SHUT_RDWR)

    def _tunnel(self, sock: socket.socket, host: str) -> None:
        status = open_tunnel(sock, self.proxy, host, self.target.port)
        text = f"the proxy refuses a connection to {self.target.host} ({status})"
        if status >= 500:
            raise TransientError(text)
        if status != 200:
            by_name = "" if self.settings.proxy_resolves else "; it may take names: set downloads.proxy_resolves"
            raise PermanentError(text + by_name)

    def _open(self, addresses: list[tuple[Any, Any]]) -> socket.socket:
        failure: OSError = OSError("its name has no address")
        for family, address in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(min(CONNECT_SECONDS, self._left()))
            try:
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                sock.settimeout(self._left())
                return sock
        if isinstance(failure, TimeoutError) and time.monotonic() < self.ends:
            failure = OSError("it cannot be reached")
        raise failure

    def _addresses(self) -> list[tuple[Any, Any]]:
        """Return the host's allowed addresses; raise `PermanentError` if it has others only.

        The list may be empty if a proxy looks up the name.
        """
        host, port = self.target.host, self.target.port
        try:
            addresses = self._look_up(host, port)
        except socket.gaierror as error:
            if self.proxy is None:
                raise
            # A name without a dot is one of a private network.
            if self.settings.proxy_resolves and ("." in host.strip(".") or host in self.settings.internal):
                return []
            raise PermanentError(
                f"this machine cannot look up {host}, to see whether it is on the public internet; set"
                " downloads.proxy_resolves to let the proxy do it"
            ) from error
        if {host, f"{host}:{port}"} & {name.lower() for name in self.settings.internal}:
            return addresses
        public = [(family, address) for family, address in addresses if is_public(address[0])]
        if addresses and not public:
            raise PermanentError(
                f"{host} is not on the public internet ({addresses[0][1][0]}); add it to downloads.internal to allow it"
            )
        return public

    @staticmethod
    def _look_up(host: str, port: int) -> list[tuple[Any, Any]]:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in infos]

    def _left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
