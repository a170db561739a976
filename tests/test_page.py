import urllib.error
import urllib.request

import pytest
from page_hands import hear, keep_takes, open_tab, pad, wait_for_pads, wav

from studio.errors import StudioError
from studio.ui import app, launch
from studio.ui.launch import Launch


def test_every_tab_opens_without_faults_and_asks_nobody_outside(page):
    for row in app.TABS:
        open_tab(page, row.label)
        page.wait_for_selector(f"#tab-{row.label.lower()} button, #tab-{row.label.lower()} input", state="visible")
    page.wait_for_function("document.querySelector('#header').innerText.includes('base embedded')")


def test_no_tab_scrolls_sideways_on_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for row in app.TABS:
        if not page.get_by_role("tab", name=row.label, exact=True).count():
            page.get_by_role("button", name="More tabs").click()
            page.locator(".overflow-dropdown button", has_text=row.label).click()
        else:
            open_tab(page, row.label)
        page.wait_for_selector(f"#tab-{row.label.lower()}", state="visible")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), row.label


def test_light_or_dark_is_remembered(open_page):
    page = open_page()
    for chosen in ("light", "dark", "light"):
        if page.evaluate("document.body.classList.contains('dark')") is (chosen == "light"):
            page.click("[title='light or dark']")
        page.reload()
        page.wait_for_selector("#generate-prompt, #dataset-name", state="attached")
        page.wait_for_function(f"document.documentElement.style.colorScheme === '{chosen}'")
        page.wait_for_function(f"document.body.classList.contains('dark') === {str(chosen == 'dark').lower()}")
    page.evaluate("localStorage.removeItem('studio-theme')")


def test_a_request_for_another_host_is_refused(served):
    asked = urllib.request.Request(served.url, headers={"Host": "attacker.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(asked)


def test_guests_get_the_generate_tab_without_paths_training_or_datasets(served):
    config = app.build(served.workspace, share=True).get_config_file()
    ids = {each["props"].get("elem_id") for each in config["components"]}
    assert "generate-prompt" in ids
    assert not [each for each in ids if each and each.startswith(("train-", "dataset-", "spectrogram-"))]
    assert "generate-base" not in ids


def test_a_named_port_that_is_taken_is_refused_by_number(served):
    port = int(served.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(StudioError, match=f"port {port} "):
        launch.launch(served.workspace, Launch(port=port, browser=False))


def test_auth_without_a_password_is_refused(served):
    with pytest.raises(StudioError, match="USER:PASS"):
        launch.launch(served.workspace, Launch(auth="me", browser=False))


END_IS_LATE = """(() => {
  const plain = window.fetch;
  let release = () => {};
  const holding = () => new TransformStream({async transform(text, out) {
    const [before, ...end] = text.split('data: {"msg":"close_stream"');
    out.enqueue(before);
    if (!end.length) return;
    window.held = (window.held || 0) + 1;
    await new Promise(resolve => { release = resolve; setTimeout(resolve, 2000); });
    out.enqueue('data: {"msg":"close_stream"' + end[0]);
  }});
  window.fetch = async (...request) => {
    const address = String(request[0].url || request[0]);
    if (address.includes('queue/join')) setTimeout(() => release(), 500);
    const reply = await plain(...request);
    if (!address.includes('queue/data')) return reply;
    const body = reply.body.pipeThrough(new TextDecoderStream()).pipeThrough(holding());
    return new Response(body.pipeThrough(new TextEncoderStream()), {status: reply.status, headers: reply.headers});
  };
})();"""


def test_what_is_asked_as_the_stream_of_answers_ends_is_answered(served, open_page):
    names = keep_takes(served, 4)
    page = wait_for_pads(open_page(before=END_IS_LATE), names)
    for number in (1, 2, 3, 4):  # the end of each answer's stream is late: it comes after the next question
        held = page.evaluate("window.held || 0")
        hear(page, number)
        page.wait_for_function(f"window.held > {held}")


ANSWERED_BEFORE_ITS_NAME_IS_KNOWN = """(() => {
  const plain = window.fetch;
  let joined = 0, end = () => {};
  const ended = new Promise(resolve => { end = resolve; });
  window.fetch = async (...request) => {
    const address = String(request[0].url || request[0]);
    const reply = await plain(...request);
    if (address.includes('queue/data')) reply.clone().text().then(end);
    if (address.includes('queue/join') && ++joined === 2) {
      await ended;
      window.late = true;
    }
    return reply;
  };
})();"""


def test_an_answer_before_its_question_is_known_stops_no_later_one(open_page):
    page = open_page(before=ANSWERED_BEFORE_ITS_NAME_IS_KNOWN)
    page.wait_for_function("window.late")  # of the two questions that a page asks as it opens
    open_tab(page, "Spectrogram")
    page.wait_for_selector(".mel_controls")
    for name in ("one", "two"):  # a file is brought in on a stream of its own
        page.set_input_files("#spectrogram-file input[type=file]",
                             {"name": f"{name}.wav", "mimeType": "audio/wav", "buffer": wav()})
        page.wait_for_function("name => document.querySelector('.facts').textContent.startsWith(name)", arg=name)


WATCH_LOOKED = """flags => {
  const shown = document.querySelector('#generate-detail .detail');
  Object.assign(window, {...flags, looked: []});
  new MutationObserver(() => looked.at(-1) === shown.dataset.id || looked.push(shown.dataset.id))
      .observe(shown, {attributeFilter: ['data-id']});
}"""
FIRST_IS_SLOW = """(() => {
  let fetch = window.fetch, asked = 0, sent = 0, second = () => {};
  const both = new Promise(resolve => { second = resolve; });
  const slow = plain => async (...request) => {
    if (window.slow && String(request[0]).includes('queue/join') && ++sent === 1) await both;
    return plain(...request);
  };
  fetch = slow(fetch);
  Object.defineProperty(window, 'fetch', {get: () => fetch, set: ours => {
    fetch = (...request) => {
      if (window.slow && String(request[0]).includes('queue/join') && ++asked === 2) setTimeout(second, 500);
      return ours(...request);
    };
  }});
})();"""


def test_questions_reach_the_studio_in_the_order_in_which_they_are_asked(served, open_page):
    names = keep_takes(served, 2)
    page = wait_for_pads(open_page(before=FIRST_IS_SLOW), names)
    page.evaluate(f"({WATCH_LOOKED})({{slow: true}})")
    for number in (1, 2):
        page.click(pad(number))
    page.wait_for_function("looked.length === 2")
    assert page.evaluate("looked") == names


ANSWERED_TOGETHER = """(() => {
  const plain = window.fetch, timer = window.setTimeout;
  window.setTimeout = (act, wait, ...rest) => timer(act, rest[0]?.msg ? 200 : wait, ...rest);  // the client's, late
  let joined = 0, seen = 0, asked = () => {}, answered = () => {};
  const both = [new Promise(resolve => { asked = resolve; }), new Promise(resolve => { answered = resolve; })];
  const watched = () => new TransformStream({transform(text, out) {
    out.enqueue(text);
    seen += window.together ? text.split('process_completed').length - 1 : 0;
    if (seen > 1) answered();
  }});
  window.fetch = async (...request) => {
    const address = String(request[0].url || request[0]);
    if (window.together && address.includes('queue/data')) await both[0];
    const reply = await plain(...request);
    if (window.together && address.includes('queue/join') && ++joined === 2) {
      setTimeout(asked, 500);
      await both[1];
    }
    if (!address.includes('queue/data')) return reply;
    const body = reply.body.pipeThrough(new TextDecoderStream()).pipeThrough(watched());
    return new Response(body.pipeThrough(new TextEncoderStream()), {status: reply.status, headers: reply.headers});
  };
})();"""


def test_an_answer_before_its_question_is_known_waits_for_the_older_ones(served, open_page):
    names = keep_takes(served, 2)
    page = wait_for_pads(open_page(before=ANSWERED_TOGETHER), names)
    page.evaluate(f"({WATCH_LOOKED})({{together: true}})")
    for number in (1, 2):
        page.click(pad(number))
    page.wait_for_function("looked.length === 2")
    assert page.evaluate("looked") == names
