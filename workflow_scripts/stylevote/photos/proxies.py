"""Proxies that the environment names (http_proxy, https_proxy, all_proxy, no_proxy), and tunnels through them."""

import http.client
import socket
from base64 import b64encode
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # ty: ignore[missing-module-member]

from stylevote.errors import InputError

DEFAULT_PORT = 80


class Proxy(NamedTuple):
    """A proxy; ``headers``: those that it needs, such as a password."""

    host: str
    port: int
    headers: dict[str, str]


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy that the environment names for a host, if any.

    Raises:
        InputError: its URL is none of a proxy over HTTP. The message leaves the URL out: it may hold a password.
    """
    proxies = getproxies_environment()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or proxy_bypass_environment(f"{host}:{port}", proxies):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        number = parts.port or DEFAULT_PORT
    except ValueError:
        number = 0
    if parts.scheme != "http" or not parts.hostname or not number:
        raise InputError(f"environment variable {scheme}_proxy (or all_proxy): expected http://HOST:PORT")
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    basic = {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"} if parts.username else {}
    return Proxy(parts.hostname, number, basic)


def open_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> int:
    """Ask a proxy to pass all bytes to a host (CONNECT); return the status of its response, which is 200 if it does."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = {"Host": authority, **proxy.headers}
    lines = [f"CONNECT {authority} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    response = http.client.HTTPResponse(sock, method="CONNECT")
    response.begin()
    return response.status
