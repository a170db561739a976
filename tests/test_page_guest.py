"""The page that others are given: what they can call, and what that does to the owner's files."""

import dataclasses
import json
import os
import shutil
import socket
import types

import httpx
import pytest
import torch

from studio.engine import library
from studio.engine.picture import Picture
from studio.settings import GenerateSettings, MelSettings
from studio.ui import app, launch
from studio.ui.launch import Launch
from studio.workspace import Workspace

PASSWORD = "a password"
OWNERS = ("dataset-", "train-", "spectrogram-", "library-", "transform-", "generate-base", "generate-device",
          "generate-restore", "generate-batch_size", "generate-duration")


@pytest.fixture(scope="module", autouse=True)
def cache():
    """Pages that are built here name their own cache for the whole process; the pages of other tests need theirs."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    yield
    if before is None:
        os.environ.pop("GRADIO_TEMP_DIR", None)
    else:
        os.environ["GRADIO_TEMP_DIR"] = before


@pytest.fixture(scope="module")
def guests(tmp_path_factory):
    """A guest page on a workspace that holds one take of the owner's, beside a secret file."""
    root = tmp_path_factory.mktemp("owner")
    workspace = Workspace(root / "workspace")
    mel = MelSettings(n_mels=32, n_frames=32, hop_length=347, n_fft=2048)
    library.keep(torch.rand(4000) * 0.5, Picture(torch.zeros(32, 32, dtype=torch.uint8), 0.0, 4000, mel),
                 library.recipe_for(GenerateSettings(prompt="the owner's kick", seed=1), "generate", mel),
                 workspace.takes, "owners_kick")
    (root / "secret.txt").write_text("the secret", encoding="utf-8")
    page = app.build(workspace, share=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = launch.start(page, port=port, auth=("guest", PASSWORD))
    yield page, url, workspace, root
    page.close()


@pytest.fixture
def guest(guests):
    """A guest who has signed in."""
    client = httpx.Client(base_url=guests[1], timeout=120, follow_redirects=True)
    assert client.post("login", data={"username": "guest", "password": PASSWORD}).status_code == 200
    yield client
    client.close()


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and ".cache" not in path.parts}


def call(client, number, data, event_data):
    """Run an event as the page does, by its number; returns all that comes back as text."""
    session = f"session{number}"
    joined = client.post("gradio_api/queue/join", json={
        "fn_index": number, "data": data, "session_hash": session, "event_data": event_data, "trigger_id": None})
    if joined.status_code != 200:
        return joined.text
    said = []
    with client.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                said.append(line)
                if json.loads(line[5:]).get("msg") in ("process_completed", "close_stream", "unexpected_error"):
                    break
    return "\n".join(said)


def test_nobody_comes_in_without_the_password(guests):
    for path in ("config", "gradio_api/info"):
        assert httpx.get(f"{guests[1]}{path}", follow_redirects=True).status_code == 401, path
    refused = httpx.post(f"{guests[1]}login", data={"username": "guest", "password": "a guess"})
    assert refused.status_code == 400


def test_a_guest_page_has_none_of_the_owners_controls(guests):
    config = guests[0].get_config_file()
    ids = [each["props"].get("elem_id") or "" for each in config["components"]]
    assert "generate-prompt" in ids
    assert not [each for each in ids if each.startswith(OWNERS)]
    events = {target[1] for each in config["dependencies"] for target in each["targets"]}
    assert not events & {"removed", "renamed", "starred", "noted", "revealed", "undone", "upload"}


def test_guests_follow_a_training_and_start_none(guests):
    config = guests[0].get_config_file()
    ids = [each["props"].get("elem_id") or "" for each in config["components"]]
    assert {"run-note", "run-losses", "run-distances", "run-previews"} <= set(ids)
    assert ids.index("generate-prompt") < ids.index("run-note")  # the page opens where they make sounds
    assert "tab-train" in ids and not [each for each in ids if each.startswith("train-")]


@pytest.mark.parametrize("wish", ["../../secret.txt", "owners_kick.wav", "/etc/passwd"])
def test_whatever_a_guest_calls_the_owners_files_stay_and_nothing_is_told(guests, guest, wish):
    _, _, workspace, root = guests
    before, answered = everything(root), 0
    secret = {"path": str(root / "secret.txt"), "orig_name": "secret.txt", "meta": {"_type": "gradio.FileData"}}
    for number, each in enumerate(guest.get("config").json()["dependencies"]):
        for value in (wish, secret):
            said = call(guest, each.get("id", number), [value] * len(each["inputs"]), {"id": wish, "ids": [wish],
                                                                                       "on": True, "name": wish})
            assert "the secret" not in said and "root:" not in said and str(workspace.root) not in said
            answered += '"success":true' in said.replace(" ", "")
    assert answered  # else nothing was called
    assert everything(root) == before


def test_files_outside_the_cache_are_not_served(guests, guest):
    index = guests[2].cache / "takes.sqlite"  # of all takes, which a page of the owner's leaves there
    index.write_bytes(b"all takes")
    for path in (guests[3] / "secret.txt", guests[2].takes / "owners_kick.wav", index, "/etc/passwd"):
        assert guest.get(f"gradio_api/file={path}").status_code in (403, 404), path


def test_guests_upload_nothing(guests, guest):
    answer = guest.post("gradio_api/upload", files={"files": ("kick.wav", b"RIFF")})
    assert answer.status_code == 403 and not list(guests[2].served.rglob("kick.wav"))


@pytest.mark.parametrize("path", ["gradio_api/component_server", "gradio_api/queue/join", "gradio_api/upload"])
def test_what_another_sites_page_asks_is_refused_before_it_is_read(guest, path):
    def asked(origin, **headers):
        return guest.post(path, content=b"{}", headers={"Origin": origin, "Content-Type": "text/plain"}
                          | headers).status_code

    own = f"http://{guest.base_url.netloc.decode()}"
    assert asked("http://evil.example") == asked("null") == asked(own.replace("127.0.0.1", "localhost")) == 403
    assert asked("http://evil.example", **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert path.endswith("upload") or asked(own) != 403 != asked(own.upper().replace("HTTP", "http"))
    behind_a_proxy = asked("https://studio.example.org", **{"Sec-Fetch-Site": "same-origin"})
    assert path.endswith("upload") or behind_a_proxy != 403


def test_a_body_of_any_size_is_not_read(guests):
    port = httpx.URL(guests[1]).port
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:  # and nobody has signed in
        line.sendall(f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                     "Content-Length: 99999999999\r\n\r\n".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


def test_share_gives_the_guest_page_and_share_all_the_whole_one():
    assert Launch(share=True).public and Launch(host="0.0.0.0").public and Launch(share_all=True).public
    assert not Launch().public


@pytest.mark.parametrize(("wish", "guests", "tunnel", "signed"), [
    (Launch(), False, False, False), (Launch(share=True), True, True, True),
    (Launch(share_all=True), False, True, True), (Launch(host="0.0.0.0"), True, False, True),
    (Launch(host="0.0.0.0", share_all=True), False, False, True), (Launch(auth="me:mine"), False, False, True)])
def test_who_comes_from_outside_gets_the_guest_page_and_a_password(workspace, monkeypatch, wish, guests, tunnel,
                                                                       signed):
    asked = {}
    page = types.SimpleNamespace(block_thread=lambda: None, local_url="http://127.0.0.1:1/",
                                 studio=types.SimpleNamespace(link=""))
    monkeypatch.setattr(launch.app, "build", lambda workspace, share: asked.update(guests=share) or page)
    monkeypatch.setattr(launch, "start", lambda page, **said: asked.update(said))
    launch.launch(workspace, dataclasses.replace(wish, browser=False))
    assert (asked["guests"], asked["share"], asked["auth"] is not None) == (guests, tunnel, signed)


def test_the_terminal_tells_how_other_machines_reach_a_page_that_is_open_to_them(workspace, monkeypatch, capsys):
    page = types.SimpleNamespace(local_url="http://localhost:7861/", studio=types.SimpleNamespace(link=""))
    monkeypatch.setattr(launch, "_in_the_network", lambda: "192.168.1.5")
    launch._greet(page, workspace, Launch(host="0.0.0.0"), 7861, None)
    assert "http://192.168.1.5:7861" in capsys.readouterr().out
    launch._greet(page, workspace, Launch(), 7861, None)
    assert "192.168.1.5" not in capsys.readouterr().out


def test_any_free_port_is_one_that_can_be_called():
    assert launch.free_port("127.0.0.1", 0) > 0


def test_a_tunnel_that_cannot_be_had_is_told_in_the_page(guests, monkeypatch, tmp_path):
    page = app.build(Workspace(tmp_path))
    monkeypatch.setattr(page, "launch", lambda **settings: None)
    page.local_url, page.share_url = "http://127.0.0.1:1/", None
    launch.start(page, port=1, share=True)
    assert "no public link could be had" in app._header(page.studio)["text"]


@pytest.mark.parametrize(("found", "opened"), [(True, "window"), (False, "tab")])
def test_a_window_opens_where_a_browser_can_do_it_and_else_a_tab(monkeypatch, workspace, found, opened):
    did = []
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if found else None)
    monkeypatch.setattr(launch.subprocess, "Popen", lambda command, **_: did.append(("window", command)))
    monkeypatch.setattr(launch.webbrowser, "open", lambda url: did.append(("tab", url)))
    launch._open("http://127.0.0.1:1/", workspace, window=True)
    assert [kind for kind, _ in did] == [opened]
    if found:
        assert "--app=http://127.0.0.1:1/" in did[0][1]
