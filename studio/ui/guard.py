"""What the page's server refuses before anything looks at it."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LARGEST_BODY = 32 << 20  # bytes of what is no upload: the largest tables and masks are a few MB
READING = ("GET", "HEAD", "OPTIONS")


class Guard:
    """An ASGI middleware: requests of other sites' pages end here, large bodies, and uploads where none are wanted.

    A browser lets any page in it post here; what it always tells is from where. Programs tell nothing and may.
    """

    def __init__(self, app: ASGIApp, *, uploads: bool = True) -> None:
        self.app = app
        self.limited = RequestBodyLimitMiddleware(app, LARGEST_BODY)
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; see the class."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self.app(scope, receive, send)
            return
        headers, upload = Headers(scope=scope), scope["path"].rstrip("/").endswith("/upload")
        if not _from_here(headers):
            await PlainTextResponse("asked by another site's page", status_code=403)(scope, receive, send)
        elif upload and not self.uploads:
            await PlainTextResponse("guests upload nothing", status_code=403)(scope, receive, send)
        else:
            await (self.app if upload else self.limited)(scope, receive, send)


def _from_here(headers: Headers) -> bool:
    """Whether our own page asks, or a program.

    What the browser itself says of that counts first, which no page can set: behind a proxy the name that was asked
    for is not the one that the page has.
    """
    origin = headers.get("origin")
    return headers.get("sec-fetch-site") == "same-origin" or origin is None \
        or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
