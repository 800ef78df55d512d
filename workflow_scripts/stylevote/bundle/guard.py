"""A guard of the page to try a bundle: which requests it accepts, and that it fetches nothing."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stylevote.errors import InputError

ADDRESS = "127.0.0.1"
HOSTS = (ADDRESS, "localhost")
# Gradio's page evaluates its own code. It may fetch nothing from elsewhere, whatever its texts contain.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:;"
    " frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
FETCHES_NOTHING = "This page fetches nothing from anywhere: send the photo itself."


class Guard:
    """A guard that accepts only requests of the page itself, and keeps the page from sending requests elsewhere.

    Pages of other sites could send photos here unnoticed. They are refused, even if a name of theirs leads to this
    address. Bodies that are too large or of unknown size are refused, and paths that would make Gradio fetch something.

    Args:
        app: the page.
        host: address or name on which the page listens.
        public: host and port at which a proxy shows the page, or nothing.
        max_bytes: maximum of bytes of a request.
    """

    def __init__(self, app: ASGIApp, host: str, public: str, max_bytes: int) -> None:
        self.app, self.limits = app, (host, public, max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if refused := refusal(scope["path"], Headers(scope=scope), *self.limits):
            status, reason = refused
            return await PlainTextResponse(reason, status)(scope, receive, send)

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        return await self.app(scope, receive, send_with_policy)


def refusal(path: str, headers: Headers, own: str, public: str, max_bytes: int) -> tuple[int, str] | None:
    """Return the status and reason with which a request is refused; None if it is accepted.

    ``own`` is the address on which the page listens, and ``public`` the host and port at which a proxy shows it,
    if one does.
    """
    if "://" in path:
        return 403, FETCHES_NOTHING
    host, origin, length = (headers.get(name, "") for name in ("host", "origin", "content-length"))
    try:
        name = urlsplit(f"//{host}").hostname or ""
        known = name in (*HOSTS, own.lower(), urlsplit(f"//{public}").hostname)
        # If others may reach the page, it answers to any address: only a name can be made to lead here.
        known = known or (own not in HOSTS and _is_address(name))
        is_own = known and (not origin or urlsplit(origin).netloc in (host, public or host))
    except ValueError:  # no address at all
        is_own = False
    if not is_own:
        return 403, "This page only answers itself. Behind a proxy, start it with --root-path and its public URL."
    if "transfer-encoding" in headers or not (length or "0").isdecimal():
        return 411, "The request lacks its size (Content-Length)."
    if len(length) > len(str(max_bytes)) or int(length or 0) > max_bytes:
        return 413, f"At most {max_bytes // 10**6} MB are accepted at a time."
    return None


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def public_netloc(root_path: str) -> str:
    """Return the host, and the port if it has one, of a URL at which a proxy shows the page; nothing for a path."""
    try:
        parts = urlsplit(root_path)
        is_url = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        is_path = not parts.scheme and not parts.netloc and parts.path.startswith("/")
        is_plain = parts.port != 0 and not parts.query and not parts.fragment
        if root_path and not (is_plain and (is_url or is_path)):
            raise ValueError
    except ValueError:
        expected = "expected a path (/photos) or a URL (https://example.org/photos)"
        raise InputError(f"--root-path: found {root_path!r}, {expected}") from None
    return parts.netloc
