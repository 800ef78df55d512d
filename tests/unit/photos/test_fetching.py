"""Fetching: what a server gives is had whole or not at all, and what it does otherwise costs little and is named."""

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from email.utils import formatdate

import pytest

from photo_server import PhotoServer, body, drip, endless, photo, raw, redirect, status
from stylevote.config.photos import Downloads
from stylevote.errors import InputError
from stylevote.photos import fetching
from stylevote.photos.fetching import PermanentError, TransientError, fetch, is_public, parse_url

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def server():
    with PhotoServer() as running:
        yield running


def limits(seconds, length, internal=(), by_name=False):
    return Downloads(seconds=seconds, megabytes=length / 1e6, internal=list(internal), proxy_resolves=by_name)


def bounds(server, seconds=20.0):
    return limits(seconds, 100_000, [server.host])


def said(kind, url, allowed):
    """What is said when a URL cannot be had."""
    with pytest.raises(kind) as caught:
        fetch(url, allowed)
    return str(caught.value)


def test_a_photo_is_had_and_nothing_is_told_but_what_is_wanted(server):
    url = server.give("/1.jpg?size=l", body(photo(1)))
    assert fetch(url, bounds(server)) == photo(1)
    assert set(server.headers) == {"Host", "Accept-Encoding", "Accept", "User-Agent", "Connection"}


def test_chunks_and_bodies_without_a_length(server):
    url = server.give("/1", raw(CHUNKED, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    assert fetch(url, bounds(server)) == b"abcde"
    assert fetch(server.give("/2", body(b"abcde", length=None)), bounds(server)) == b"abcde"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 451, 204, 304])
def test_what_is_not_there_is_refused(server, code):
    assert said(PermanentError, server.give("/1", status(code)), bounds(server)).startswith(str(code))
    assert server.asked == ["/1"]


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 599])
def test_what_may_pass(server, code):
    assert said(TransientError, server.give("/1", status(code)), bounds(server)).startswith(str(code))


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("7", 7),
        (1000, 1000),
        (-1000, 0),
        ("soon", 0),
        ("-5", 0),
        ("9" * 5000, 0),
        ("Sat, 99 Foo 2099 99:99:99 GMT", 0),
    ],
)
def test_how_long_a_host_wants_to_be_left_alone(server, header, pause):
    if isinstance(header, int):  # so many seconds from now, as a date
        header = formatdate(time.time() + header, usegmt=True)
    with pytest.raises(TransientError) as caught:
        fetch(server.give("/1", status(429, Retry_After=header)), bounds(server))
    assert caught.value.pause == pytest.approx(pause, abs=60 if pause > 7 else 0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (body(b"12345", length=10), "truncated: 5 of 10 bytes"),
        (raw(CHUNKED, b"a\r\n12345"), "IncompleteRead"),
        (raw(CHUNKED, b"5\r\n12345\r\n"), "IncompleteRead"),
        (raw(CHUNKED, b"five\r\n12345\r\n"), "no complete response"),
        (raw(), "no complete response"),
        (raw(b"\x00\xff" * 1000), "no complete response"),
        (raw(b"HTTP/1.1 two hundred\r\n\r\n"), "no complete response"),
        (raw(OK, b"X: " + b"x" * 100_000), "no complete response"),
        (endless(OK, then=b"X: x\r\n"), "no complete response"),
    ],
)
def test_an_answer_that_breaks_off_or_is_none_may_pass(server, answer, reason):
    text = said(TransientError, server.give("/1", answer), bounds(server))
    assert reason in text
    assert len(text) < 300
    assert text.isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        drip(),
        drip(OK),
        drip(OK, b"X: ", then=b"x"),
        drip(then=b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(OK, b"Content-Length: 90000\r\n\r\n", then=b"x"),
        drip(OK, b"\r\n"),
        drip(OK, b"\r\n", then=b"x"),
        drip(CHUNKED, then=b"1\r\nx\r\n"),
    ],
    ids=["nothing", "status", "header", "continue", "length", "stalled body", "body", "chunks"],
)
def test_a_server_that_stalls_or_drips_is_left(server, answer):
    assert said(TransientError, server.give("/1", answer), bounds(server, seconds=0.4)) == "not complete after 0.4 s"


def test_the_time_is_that_of_all_redirects_together(server):
    for k in range(5):
        server.give(f"/{k}", redirect(f"/{k + 1}"))
    server.give("/5", drip())
    assert said(TransientError, server.url("/0"), bounds(server, seconds=0.4)) == "not complete after 0.4 s"


@pytest.mark.parametrize(
    "answer",
    [
        body(b"x", length=10**12),
        endless(OK, b"\r\n", then=b"x" * 10_000),
        endless(CHUNKED, then=b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
        endless(CHUNKED, b"fffffffffffffff\r\n", then=b"x" * 10_000),
        body(b"x" * 100_001),
    ],
    ids=["length", "no length", "chunks", "a chunk", "a byte too many"],
)
def test_what_is_too_long_is_refused(server, answer):
    assert said(PermanentError, server.give("/1", answer), bounds(server)) == "more than 0.1 MB"
    assert fetch(server.give("/2", body(b"x" * 100_000)), bounds(server)) == b"x" * 100_000


# ---- redirects


def test_redirects_are_followed_five_times(server):
    for k in range(6):
        server.give(f"/{k}", redirect(f"{k + 1}" if k % 2 else server.url(f"/{k + 1}")))
    server.give("/6", body(b"there"))
    assert fetch(server.url("/1"), bounds(server)) == b"there"
    assert said(PermanentError, server.url("/0"), bounds(server)) == "redirected more than 5 times"
    assert "/6" not in server.asked[6:]


@pytest.mark.parametrize("written", [b"/b\xc3\xbccher", b"/b%C3%BCcher"])
def test_a_redirect_may_be_written_in_utf_8(server, written):
    server.give("/b%C3%BCcher", body(b"there"))
    start = server.give("/1", raw(b"HTTP/1.1 302 Found\r\nLocation: " + written + b"\r\n\r\n"))
    assert fetch(start, bounds(server)) == b"there"


def test_a_body_without_a_length_is_looked_at(server):
    with pytest.raises(TransientError, match="truncated or damaged: 5 bytes"):
        fetch(server.give("/1", body(b"abcde", length=None)), bounds(server), lambda data: len(data) > 5)
    assert fetch(server.give("/2", body(b"abcde")), bounds(server), lambda data: len(data) > 5) == b"abcde"


def test_a_ring_of_redirects_is_left(server):
    server.give("/a", redirect("/b"))
    assert said(PermanentError, server.give("/b", redirect("/a")), bounds(server)) == "redirected more than 5 times"


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/1.jpg",
        "data:image/png;base64,AAAA",
        "//[",
        "gopher://a/",
    ],
)
def test_redirects_lead_to_http_only(server, location):
    assert said(PermanentError, server.give("/1", redirect(location)), bounds(server)).startswith("redirected: ")


def test_a_redirect_does_not_lead_into_the_own_network(server):
    with PhotoServer() as secret:
        secret.give("/", body(b"secret"))
        for location in (secret.url("/"), f"http://localhost:{secret.server_port}/", "http://169.254.169.254/latest"):
            text = said(PermanentError, server.give("/1", redirect(location)), bounds(server))
            assert "is not on the public internet" in text
        assert secret.asked == []


# ---- what may be asked


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "gopher", "javascript", "HTTPX", ""])
def test_other_schemes_are_refused(scheme):
    assert "expected a URL that begins with http" in said(PermanentError, f"{scheme}://127.0.0.1/1", limits(1, 1))


def test_a_url_with_a_password_is_refused_and_not_told(server):
    text = said(PermanentError, f"http://me:hush@{server.host}/1", bounds(server))
    assert "hush" not in text
    assert server.asked == []


@pytest.mark.parametrize(
    "url", ["http://", "http:///1.jpg", "http://[::1", "http://a:b/", "http://a:99999/", "http://a..b/"]
)
def test_what_is_no_url_is_refused(url):
    assert said(PermanentError, url, limits(1, 1))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]"],
)
def test_the_own_host_is_not_asked_unless_it_is_named(server, host):
    server.give("/1", body(b"secret"))
    url = f"http://{host}:{server.server_port}/1"
    with pytest.raises((PermanentError, TransientError)) as caught:
        fetch(url, limits(5, 1000, ["127.0.0.1:1", "example.org"]))
    # Not every system knows the last ones.
    assert "is not on the public internet" in str(caught.value) or host in ("localhost.", "[::1]", "[::ffff:127.0.0.1]")
    assert server.asked == []


def test_a_host_may_be_named_with_and_without_its_port(server):
    url = server.give("/1", body(b"mine"))
    assert fetch(url, limits(5, 1000, ["127.0.0.1"])) == b"mine"
    assert fetch(url, limits(5, 1000, [server.host])) == b"mine"


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_asked(server, monkeypatch):
    lookups = []

    def rebinding(host, port, **_):
        lookups.append(host)
        address = "192.0.2.1" if len(lookups) > 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1")
    server.give("/1", body(b"there"))
    assert fetch(f"http://photos.example:{server.server_port}/1", limits(5, 1000)) == b"there"
    assert lookups == ["photos.example"]
    assert server.headers["Host"] == f"photos.example:{server.server_port}"


PUBLIC = "93.184.216.34 2606:2800:220:1:248:1893:25c8:1946 ::ffff:93.184.216.34 64:ff9b::5db8:d822"
NOT_PUBLIC = """
    127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 192.0.0.192 198.18.0.1 224.0.0.1
    239.255.255.250 255.255.255.255 :: ::1 fe80::1%eth0 fd00:ec2::254 fec0::1 ff02::1 ::ffff:169.254.169.254
    64:ff9b::a9fe:a9fe 2002:7f00:1:: 64:ff9b:1::7f00:1 64:ff9b:1:ffff::5db8:d822 64:ff9b::7f00:1 ::ffff:0:127.0.0.1
    ::ffff:0:93.184.216.34 ::127.0.0.1 ::93.184.216.34 ::ffff:127.0.0.1 2001:db8::1
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_on_the_public_internet(address):
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_other_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a.org", ("http", "a.org", 80, "/")),
        ("HTTPS://A.org/x?y=1&z=%20#part", ("https", "a.org", 443, "/x?y=1&z=%20")),
        ("http://a.org:8080/a b/ü.jpg?q=ß", ("http", "a.org", 8080, "/a%20b/%C3%BC.jpg?q=%C3%9F")),
        ("http://bücher.example/1", ("http", "xn--bcher-kva.example", 80, "/1")),
        ("http://a.org/1\r\nX: y", ("http", "a.org", 80, "/1X:%20y")),
    ],
)
def test_urls_as_people_write_them(url, target):
    assert parse_url(url) == target


# ---- TLS


@pytest.fixture
def encrypted(server, tmp_path):
    """The server, behind TLS with a certificate of its own for `localhost`; and that certificate."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server, ssl.create_default_context(cafile=certificate)


def test_a_certificate_is_checked(encrypted, monkeypatch):
    server, trusting = encrypted
    server.give("/1", body(photo(1)))
    url = f"https://localhost:{server.server_port}/1"
    allowed = limits(20, 100_000, ["localhost", "127.0.0.1"])
    assert said(PermanentError, url, allowed).startswith("the certificate of localhost is not valid")
    monkeypatch.setattr(fetching, "_certificates", lambda: trusting)
    assert said(PermanentError, url.replace("localhost", "127.0.0.1"), allowed).startswith(
        "the certificate of 127.0.0.1 is not valid"
    )
    assert server.asked == []
    assert fetch(url, allowed) == photo(1)
    server.give("/1", drip(OK, b"\r\n", then=b"x"))
    assert said(TransientError, url, allowed.model_copy(update={"seconds": 0.5})) == "not complete after 0.5 s"


def test_a_handshake_that_stalls_is_left():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts, and nobody answers
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        assert said(TransientError, f"https://{host}/", limits(0.4, 1000, [host])) == "not complete after 0.4 s"


def test_nobody_there(server):
    with socket.create_server(("127.0.0.1", 0)) as closing:
        host = f"127.0.0.1:{closing.getsockname()[1]}"
    assert "Connection refused" in said(TransientError, f"http://{host}/", limits(5, 1000, [host]))


class ForwardProxy(socketserver.ThreadingTCPServer):
    """A proxy that notes the first line and the headers of each request, and passes all bytes to one server."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, server, refuses=0):
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.server, self.refuses, self.seen = server, refuses, []
        self.url = f"http://me:pass%20word@127.0.0.1:{self.server_address[1]}"


class _ProxyHandler(socketserver.StreamRequestHandler):
    def handle(self):
        lines = []
        while line := self.rfile.readline().strip().decode():
            lines.append(line)
        self.server.seen.append(lines)
        if self.server.refuses:
            self.wfile.write(f"HTTP/1.1 {self.server.refuses} no\r\n\r\n".encode())
            return
        with socket.create_connection(("127.0.0.1", self.server.server.server_port)) as other:
            if lines[0].startswith("CONNECT"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                lines = []
                while line := self.rfile.readline().strip().decode():
                    lines.append(line)
            other.sendall("\r\n".join([*lines, "", ""]).encode())
            while data := other.recv(65536):
                self.wfile.write(data)


@pytest.fixture
def proxied(server, monkeypatch):
    """Return a function that starts a proxy and names it in the environment."""
    started = []

    def start(**options):
        proxy = ForwardProxy(server, **options)
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        started.append(proxy)
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        return proxy

    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    yield start
    for proxy in started:
        proxy.shutdown()
        proxy.server_close()


def names(monkeypatch, **addresses):
    """Let names have these addresses, and no others."""
    usual = socket.getaddrinfo

    def look_up(host, *rest, **options):
        if not host.replace(".", "").isdigit() and host not in addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return usual(addresses.get(host, host), *rest, **options)

    monkeypatch.setattr(fetching.socket, "getaddrinfo", look_up)


def test_a_proxy_of_the_environment_gets_the_checked_address(server, proxied, monkeypatch):
    proxy = proxied()
    names(monkeypatch, **{"photos.example": "93.184.216.34"})
    server.give("/1.jpg", body(photo(1)))
    assert fetch("http://photos.example/1.jpg", limits(20, 100_000)) == photo(1)
    ((first, *headers),) = proxy.seen
    assert first == "CONNECT 93.184.216.34:80 HTTP/1.1"
    assert "Proxy-Authorization: Basic bWU6cGFzcyB3b3Jk" in headers  # me:pass word
    assert server.headers["Host"] == "photos.example"
    assert "Proxy-Authorization" not in server.headers


def test_a_proxy_looks_up_names_on_demand(server, proxied, monkeypatch):
    proxy, usual = proxied(), limits(20, 100_000)
    names(monkeypatch, **{"seen.example": "93.184.216.34"})
    server.give("http://unknown.example:80/1.jpg", body(photo(1)))
    assert "this machine cannot look up unknown.example" in said(PermanentError, "http://unknown.example/1.jpg", usual)
    assert proxy.seen == []
    by_name = limits(20, 100_000, by_name=True)
    assert fetch("http://unknown.example/1.jpg", by_name) == photo(1)
    assert proxy.seen[-1][0] == "GET http://unknown.example:80/1.jpg HTTP/1.1"
    with pytest.raises(TransientError):  # the server speaks no TLS
        fetch("https://seen.example/1.jpg", by_name)
    assert proxy.seen[-1][0] == "CONNECT seen.example:443 HTTP/1.1"


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "private.example", "intranet", "10.0.0.1", "0x7f.1", "mapped.example"]
)
def test_internal_hosts_are_not_asked_through_a_proxy(server, proxied, monkeypatch, host, by_name):
    proxy = proxied()
    names(monkeypatch, **{"private.example": "10.1.2.3", "mapped.example": "::ffff:10.0.0.1", "0x7f.1": "127.0.0.1"})
    for scheme in ("http", "https"):
        said(PermanentError, f"{scheme}://{host}/1.jpg", limits(20, 100_000, (), by_name))
    server.give("http://unknown.example:80/1", redirect(f"http://{host}/secret"))
    if by_name:
        said(PermanentError, "http://unknown.example/1", limits(20, 100_000, (), by_name))
    assert not any(host in " ".join(lines) for lines in proxy.seen)


def test_no_proxy_and_refusals_of_a_proxy(server, proxied, monkeypatch):
    proxy = proxied(refuses=403)
    names(monkeypatch, **{"photos.example": "93.184.216.34"})
    text = said(PermanentError, "https://photos.example/1.jpg", limits(20, 100_000))
    assert text.startswith("the proxy refuses a connection to photos.example (403); it may take names")
    assert proxied(refuses=503)
    assert "(503)" in said(TransientError, "https://photos.example/1.jpg", limits(20, 100_000))
    monkeypatch.setenv("no_proxy", "127.0.0.1,other.example")
    assert fetch(server.give("/2.jpg", body(photo(2))), bounds(server)) == photo(2)
    assert len(proxy.seen) == 1


@pytest.mark.parametrize("url", ["socks5://me:secret@proxy:1080", "https://proxy", "http://proxy:port", "http://"])
def test_a_proxy_that_is_none_is_named_without_its_password(monkeypatch, url):
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(InputError, match=r"http_proxy .*expected http://HOST:PORT") as caught:
        fetch("http://photos.example/1.jpg", limits(20, 100_000))
    assert "secret" not in str(caught.value)
