"""Starting the studio: a port, guests and passwords, the browser or a window of its own."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from studio.errors import StudioError
from studio.files import reason
from studio.ui import app
from studio.ui.guard import Guard
from studio.ui.theme import CSS, HEAD, theme
from studio.window import browser
from studio.workspace import Workspace

FIRST_PORT, PORTS, LAST_PORT = 7860, 100, 65535
LOCAL = ("127.0.0.1", "localhost")
ANYWHERE = "0.0.0.0"
LARGEST_UPLOAD = "200mb"
ICON = Path(__file__).resolve().parent / "icon.svg"
NO_LINK = "no public link could be had (no internet, or a blocked download); the studio goes on here"
ALL_WARNING = ("Whoever has the password can read and delete what lies in the workspace, name folders of this machine "
               "and train on it.")


@dataclass(frozen=True)
class Launch:
    """How the studio is to be started.

    port      : the first free one from 7860 where none is named
    share     : a public link to the guest page, as any host beyond this machine gives; with a password in any case
    share_all : the whole page for whoever has the password, not the guests' one
    auth      : "USER:PASS" to ask for
    window    : an application window where Chromium, Chrome or Edge is found, else the browser
    """

    port: int | None = None
    host: str = "127.0.0.1"
    share: bool = False
    share_all: bool = False
    auth: str | None = None
    browser: bool = True
    window: bool = False

    @property
    def public(self) -> bool:
        """Whether others than this machine's user can come."""
        return self.share or self.share_all or self.host not in LOCAL


def launch(workspace: Workspace, wish: Launch) -> None:
    """Start the studio and stay until it is stopped with Ctrl-C.

    Raises StudioError for a named port that is taken, and for an `auth` that is no pair.
    """
    port = free_port(wish.host, wish.port)
    try:
        workspace.served.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudioError(f"workspace {workspace.root}: could not be made ({reason(error)}); name another folder by "
                          "--workspace") from error
    drawn = ("guest", secrets.token_urlsafe(9)) if wish.public and not wish.auth else None
    page = app.build(workspace, share=wish.public and not wish.share_all)
    start(page, port=port, host=wish.host, share=wish.share or (wish.share_all and wish.host in LOCAL),
          auth=_pair(wish.auth) if wish.auth else drawn)
    _greet(page, workspace, wish, port, drawn)
    if wish.window or wish.browser:
        _open(f"{page.local_url}?__theme=dark", workspace, wish.window)
    page.block_thread()


def start(page: gr.Blocks, *, port: int, host: str = "127.0.0.1", share: bool = False,
          auth: tuple[str, str] | None = None) -> str:
    """Serve the page from threads of this process; returns its address."""
    hosts = ["*"] if host not in LOCAL else [*LOCAL, *(["*.gradio.live"] if share else [])]
    page.launch(
        server_name=host, server_port=port, share=share, auth=auth, prevent_thread_lock=True, quiet=True, theme=theme(),
        css=CSS, head=HEAD, favicon_path=str(ICON), footer_links=[], run_history=False, enable_monitoring=False,
        max_file_size=LARGEST_UPLOAD, ssr_mode=False,
        app_kwargs={"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=hosts),
                                   Middleware(Guard, uploads=not page.studio.guest)]})
    if share:
        page.studio.link = f"public at {page.share_url}" if page.share_url else NO_LINK
    return page.local_url


def free_port(host: str, port: int | None) -> int:
    """The named port, or the first free one. Raises StudioError where it is taken."""
    if port is not None and not 0 <= port <= LAST_PORT:
        raise StudioError(f"port {port} is none; give 1 to {LAST_PORT}, or 0 for any that is free")
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    for each in wanted:
        with socket.socket() as trial:
            if sys.platform != "win32":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just left is free
            try:
                trial.bind((host, each))
            except socket.gaierror as error:
                raise StudioError(f"host {host!r} is not known here; give 127.0.0.1, 0.0.0.0 or an address of this "
                                  "machine") from error
            except OSError:
                continue
            return trial.getsockname()[1]
    if port is None:
        raise StudioError(f"all ports from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are taken; name a free --port")
    raise StudioError(f"port {port} at {host} cannot be used; name another, or leave --port out to get a free one")


def _greet(page: gr.Blocks, workspace: Workspace, wish: Launch, port: int, drawn: tuple[str, str] | None) -> None:
    """What the terminal says; the password only here and only once."""
    lines = [f"One-Shot Studio: {page.local_url}   workspace: {workspace.root}   stop: Ctrl-C"]
    if wish.host == ANYWHERE and (here := _in_the_network()):
        lines.append(f"From other machines in the network: http://{here}:{port}")
    if page.studio.link:
        lines.append(f"{page.studio.link[0].upper()}{page.studio.link[1:]}.")
    if wish.share_all:
        lines.append(f"WARNING, the whole page is open to others. {ALL_WARNING}")
    if drawn:
        lines.append(f"Guests sign in as {drawn[0]} with the password {drawn[1]}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _in_the_network() -> str:
    """This machine's address for others, "" where it is in no network. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way, contextlib.suppress(OSError):
        way.connect(("192.0.2.1", 9))  # an address for examples, of RFC 5737: the way there begins like any other
        return way.getsockname()[0]
    return ""


def _pair(auth: str) -> tuple[str, str]:
    user, colon, password = auth.partition(":")
    if not (user and colon and password):
        raise StudioError(f"--auth is {auth!r}; give USER:PASS")
    return user, password


def _open(url: str, workspace: Workspace, window: bool) -> None:
    """An application window, else a page in the browser."""
    found = browser() if window else None
    if found:
        profile = workspace.cache / "window"
        root = ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []  # it refuses root otherwise
        subprocess.Popen([found, f"--app={url}", f"--user-data-dir={profile}", "--no-first-run", *root],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    else:
        webbrowser.open(url)
