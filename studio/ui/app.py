"""The page as a whole: a header line and the tabs in the order of the work.

To add a tab: one file beside this one with `def build(studio: Studio, tab: gr.Tab) -> None`, which makes its controls
where it is called and wires them, and one row in `TABS`. A tab finds what it needs in `Studio` (workspace, timer,
decoded sounds) and calls the engine for everything else: the page holds no arithmetic.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from studio import jobs
from studio.errors import StudioError
from studio.settings import GenerateSettings
from studio.ui import dataset, engine, generate, spectrogram, train
from studio.ui.components.note import Note, note
from studio.ui.studio import QUICK, Studio
from studio.ui.theme import CSS, theme
from studio.workspace import Workspace

FIRST_PORT, PORTS = 7860, 100
LOCAL = ("127.0.0.1", "localhost")
DAY = 24 * 3600
LARGEST_UPLOAD = "200mb"
MOST_WAITING = 64  # events; more are refused with a word rather than piled up
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge",
            "microsoft-edge", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
            r"C:\Program Files\Google\Chrome\Application\chrome.exe",
            r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe")


@dataclass(frozen=True)
class Row:
    """A tab: what it is called, who makes it, whether guests see it."""

    label: str
    build: Callable[[Studio, gr.Tab], None]
    for_guests: bool = False


TABS = (
    Row("Dataset", dataset.build),
    Row("Spectrogram", spectrogram.build),
    Row("Train", train.build),
    Row("Generate", generate.build, for_guests=True),
)


def build(workspace: Workspace, *, share: bool = False) -> gr.Blocks:
    """The page. share : for guests, who may generate and listen; what they must not do is not there to be called."""
    workspace.cache.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(workspace.cache)  # read by Gradio as each control is made
    with gr.Blocks(title="One-Shot Studio", fill_width=True, analytics_enabled=False, delete_cache=(DAY, DAY)) as page:
        with gr.Row(elem_id="header"):
            gr.HTML("One-Shot Studio", elem_id="title", apply_default_css=False)
            header = Note(note("looking for the device …"), elem_id="header-note")
        studio = Studio(workspace, page, gr.Timer(train.SELDOM), guest=share)
        for row in TABS:
            if row.for_guests or not share:
                with gr.Tab(row.label, elem_id=f"tab-{row.label.lower()}") as tab:
                    row.build(studio, tab)
        base = [studio.base] if studio.base else []
        for event in (page.load, studio.timer.tick):
            event(lambda *chosen: _header(workspace, *chosen), base, header, **QUICK)
        page.load(engine.warm_up, None, None, **QUICK)  # once the page is there, not in the way of it
    page.queue(max_size=MOST_WAITING, default_concurrency_limit=4)
    return page


def _header(workspace: Workspace, base: str = GenerateSettings().base) -> dict[str, Any]:
    """Where it runs, on which base, and what is being trained."""
    parts = [engine.devices.describe(), f"base {base}"]
    run = jobs.running(workspace.runs)
    if run:
        state = run.state()
        parts.append(f"training {run.name}: {state.step} of {state.total}" if state.total else f"training {run.name}")
    return note("  ·  ".join(parts))


# ---------------------------------------------------------------------------------------------------- launching
def launch(workspace: Workspace, port: int | None = None, host: str = "127.0.0.1", share: bool = False,
           auth: str | None = None, browser: bool = True, window: bool = False) -> None:
    """Start the studio and stay until it is stopped with Ctrl-C.

    port   : the first free one from 7860 where none is named
    share  : a public link to the guest page, as any host beyond this machine gives; with a password in any case
    auth   : "USER:PASS" to ask for
    window : an application window where Chromium, Chrome or Edge is found, else the browser
    Raises StudioError for a named port that is taken, and for an `auth` that is no pair.
    """
    port = _port(host, port)
    guests = share or host not in LOCAL
    pair = _pair(auth) if auth else ("guest", secrets.token_urlsafe(9)) if guests else None
    page = build(workspace, share=guests)
    start(page, port=port, host=host, share=share, auth=pair)
    _greet(page, workspace, pair if not auth else None, share)
    if window or browser:
        _open(f"{page.local_url}?__theme=dark", workspace, window)
    page.block_thread()


def start(page: gr.Blocks, *, port: int, host: str = "127.0.0.1", share: bool = False,
          auth: tuple[str, str] | None = None) -> str:
    """Serve the page from threads of this process; returns its address."""
    hosts = ["*"] if host not in LOCAL else [*LOCAL, *(["*.gradio.live"] if share else [])]
    page.launch(
        server_name=host, server_port=port, share=share, auth=auth, prevent_thread_lock=True, quiet=True, theme=theme(),
        css=CSS, footer_links=[], run_history=False, enable_monitoring=False, max_file_size=LARGEST_UPLOAD,
        ssr_mode=False, app_kwargs={"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=hosts)]})
    return page.local_url


def _greet(page: gr.Blocks, workspace: Workspace, drawn: tuple[str, str] | None, share: bool) -> None:
    """What the terminal says; the password only here and only once."""
    lines = [f"One-Shot Studio: {page.local_url}   workspace: {workspace.root}   stop: Ctrl-C"]
    if share:
        lines.append(f"Public link to the guest page: {page.share_url}" if page.share_url else
                     "No public link could be had (no internet, or a blocked download); the studio goes on here.")
    if drawn:
        lines.append(f"Guests sign in as {drawn[0]} with the password {drawn[1]}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _pair(auth: str) -> tuple[str, str]:
    user, colon, password = auth.partition(":")
    if not (user and colon and password):
        raise StudioError(f"--auth is {auth!r}; give USER:PASS")
    return user, password


def _port(host: str, port: int | None) -> int:
    """The named port, or the first free one. Raises StudioError where it is taken."""
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    for each in wanted:
        with socket.socket() as trial:
            if sys.platform != "win32":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just left is free
            try:
                trial.bind((host, each))
            except OSError:
                continue
            return each
    if port is None:
        raise StudioError(f"all ports from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are taken; name a free --port")
    raise StudioError(f"port {port} at {host} cannot be used; name another, or leave --port out to get a free one")


def _open(url: str, workspace: Workspace, window: bool) -> None:
    """An application window, else a page in the browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None) if window else None
    if found:
        profile = Path(workspace.cache) / "window"
        subprocess.Popen([found, f"--app={url}", f"--user-data-dir={profile}", "--no-first-run"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    else:
        webbrowser.open(url)
