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
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            await PlainTextResponse("asked by another site's page", status_code=403)(scope, receive, send)
        elif upload and not self.uploads:
            await PlainTextResponse("guests upload nothing", status_code=403)(scope, receive, send)
        else:
            await (self.app if upload else self.limited)(scope, receive, send)
