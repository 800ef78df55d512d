"""One file by its URL: over HTTP and HTTPS alone, from the public internet, bounded in time, bytes and redirects.

URLs may be a stranger's. So that none makes this host ask its own network (a cloud's metadata, say), the addresses that
a name stands for are checked, and the connection is made to one that was, at every redirect anew. Proxies are not used:
which address one asks is not known here.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import quote as percent_encode
from urllib.parse import urljoin, urlsplit

from stylevote.wording import quote

PORTS = {"http": 80, "https": 443}
MAX_REDIRECTS = 5
CONNECT_SECONDS = 10  # for each of a name's addresses: the first may lead nowhere
REDIRECTS = (301, 302, 303, 307, 308)
RETRYABLE = (408, 425, 429)  # and everything from 500 on
HEADERS = {"Accept": "image/*", "User-Agent": "stylevote", "Connection": "close"}
# Reserved for protocols, clouds' metadata among them (192.0.0.192); what Python calls global of it differs by version.
PROTOCOLS = [ip_network("192.0.0.0/24"), ip_network("2001::/23")]
# Where a host or its network may lead to any IPv4 address: a network's own gateway (RFC 8215), a host's translation
# (RFC 2765), and the unspecified address, this host's and those that IPv6 began with (RFC 4291, 2.5.5.1).
EMBEDDED = [ip_network("64:ff9b:1::/48"), ip_network("::ffff:0:0:0/96"), ip_network("::/96")]
# IPv6 addresses that a gateway translates: the last 32 bits are an IPv4 address (RFC 6052).
TRANSLATED = IPv6Network("64:ff9b::/96")


class PermanentError(Exception):
    """The file cannot be had, and asking again would not help; the message says why."""


class TransientError(Exception):
    """The file cannot be had now; ``pause``: seconds to wait before asking again, 0 if nothing was said."""

    def __init__(self, text: str, pause: float = 0.0) -> None:
        super().__init__(text)
        self.pause = pause


class Bounds(NamedTuple):
    """How long a file may take, redirects included (seconds; the system's own bounds hold for looking up a name); how
    long it may be; and hosts that may be asked although they are not of the public internet, as ``name`` or
    ``name:port``."""

    seconds: float
    bytes: int
    internal: Collection[str] = ()


class Target(NamedTuple):
    """What a URL stands for: scheme, name of the host, port, and what to ask it for."""

    scheme: str
    host: str
    port: int
    path: str


def fetch(url: str, bounds: Bounds, is_whole: Callable[[bytes], bool] = bool) -> bytes:
    """Return what is at ``url``.

    Args:
        url: what is asked for.
        bounds: of the answer.
        is_whole: tells whether a body is whole, where the host does not say how long it is; whether there is any at all
            by default.

    Raises:
        PermanentError: not there, too large, not to be asked for.
        TransientError: the host is overloaded or out of order, cannot be reached, takes too long or breaks off.
    """
    ends = time.monotonic() + bounds.seconds
    target = parse_url(url)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _ask(target, bounds, ends, is_whole)
        if isinstance(answer, bytes):
            return answer
        try:
            url = urljoin(url, answer)
            target = parse_url(url)
        except (PermanentError, ValueError) as error:
            raise PermanentError(f"redirected: {error}") from error
    raise PermanentError(f"redirected more than {MAX_REDIRECTS} times")


def parse_url(url: str) -> Target:
    """Return what ``url`` stands for; `PermanentError` when it is none that may be asked for."""
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
    """Tell whether an IP address is one of the public internet, and none of this host or its network.

    An IPv4 address that an IPv6 one holds counts as itself.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        held = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in TRANSLATED:
            held = IPv4Address(int(ip) & 0xFFFFFFFF)
        if held:
            return is_public(str(held))
        if ip.is_site_local or any(ip in network for network in EMBEDDED):
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in PROTOCOLS)


def _ask(target: Target, bounds: Bounds, ends: float, is_whole: Callable[[bytes], bool]) -> bytes | str:
    """Return the body of the answer, or the URL to ask instead."""
    expired = threading.Event()
    try:
        with closing(_Connection(target, bounds, ends, expired)) as connection:
            try:
                connection.request("GET", target.path, headers=HEADERS)
                return _read(connection.getresponse(), bounds.bytes, is_whole)
            finally:
                connection.stop_clock()
                if expired.is_set():
                    raise TimeoutError
    except ssl.SSLCertVerificationError as error:
        raise PermanentError(f"{target.host} is not who it says ({error.verify_message})") from error
    except TimeoutError as error:
        raise TransientError(f"not whole after {bounds.seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        # An answer that is no HTTP may be quoted in the error, and be of any length.
        said = getattr(error, "strerror", None) or f"{type(error).__name__} {str(error)[:40]!a}"
        raise TransientError(f"no whole answer from {target.host} ({said})") from error


def _read(response: http.client.HTTPResponse, most: int, is_whole: Callable[[bytes], bool]) -> bytes | str:
    """Return the body, or the URL that the answer redirects to."""
    status, location = response.status, response.getheader("Location")
    if status in REDIRECTS and location:
        return _as_written(location)
    if status != 200:
        text = f"{status} {http.client.responses.get(status, '')}".strip()
        if status in RETRYABLE or status >= 500:
            raise TransientError(text, _seconds(response.getheader("Retry-After")))
        raise PermanentError(text)
    expected = response.length
    too_long = PermanentError(f"more than {most / 1e6:g} MB")
    if expected is not None and expected > most:
        raise too_long
    data = response.read(most + 1)
    if len(data) > most:
        raise too_long
    if expected is not None and len(data) < expected:
        raise TransientError(f"cut short: {len(data)} of {expected} bytes")
    if expected is None and not response.chunked and not is_whole(data):
        raise TransientError(f"cut short or damaged: {len(data)} bytes, and nothing says how many there are")
    return data


def _as_written(location: str) -> str:
    """Return a header that was read as Latin-1 as what it is: nearly all hosts that write other letters write UTF-8."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location


def _seconds(retry_after: str | None) -> float:
    """Return how long a host wants to be left alone: it says so in seconds, or gives a date (RFC 9110, 10.2.3)."""
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
    """A connection to a checked address, which ends at its time however little, and however often, something comes."""

    def __init__(self, target: Target, bounds: Bounds, ends: float, expired: threading.Event) -> None:
        self.default_port = PORTS[target.scheme]
        super().__init__(target.host, target.port)
        self.target, self.bounds, self.ends, self.expired = target, bounds, ends, expired
        self.clock: threading.Timer | None = None
        self.end: socket.socket | None = None

    def connect(self) -> None:
        """Connect to one of the host's addresses."""
        sock = self._open()
        # TLS takes the socket away; its double stays, and shutting that down ends the connection in any state.
        self.end = sock.dup()
        self.sock = sock
        self.clock = threading.Timer(self._left(), self._expire)
        self.clock.daemon = True
        self.clock.start()
        if self.target.scheme == "https":
            self.sock = _certificates().wrap_socket(sock, server_hostname=self.target.host)

    def stop_clock(self) -> None:
        """Let the connection be."""
        if self.clock and self.end:
            self.clock.cancel()
            self.end.close()

    def _expire(self) -> None:
        self.expired.set()
        with suppress(OSError):  # it ended by itself just now
            self.end.shutdown(socket.SHUT_RDWR)

    def _open(self) -> socket.socket:
        failure: OSError = OSError("its name has no address")
        for family, address in self._addresses():
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
        """Return the host's addresses that may be asked; `PermanentError` when it has others only."""
        host, port = self.target.host, self.target.port
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [(family, address) for family, _, _, _, address in found]
        if {host, f"{host}:{port}"} & {name.lower() for name in self.bounds.internal}:
            return addresses
        public = [(family, address) for family, address in addresses if is_public(address[0])]
        if addresses and not public:
            where = f"{host} is not on the public internet ({addresses[0][1][0]})"
            raise PermanentError(f"{where}; name it in downloads.internal if it may be asked")
        return public

    def _left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
