"""What a fault says in the page."""

import gradio as gr
import pytest

from studio.errors import StudioError
from studio.ui.toasts import told

SUM = "64c23cf5" * 8


@pytest.mark.parametrize(("said", "shown"), [
    (f"/home/me/.cache/page/{SUM}/bad <1>.wav: could not be read", "bad &lt;1&gt;.wav: could not be read"),
    (f"C:\\me\\.cache\\page\\{SUM}\\bad.wav: could not be read", "bad.wav: could not be read"),
    ("/home/me/kick.wav: could not be read", "/home/me/kick.wav: could not be read")])
def test_an_upload_is_called_as_the_user_called_it(said, shown):
    def fails():
        raise StudioError(said)

    with pytest.raises(gr.Error) as caught:
        told(fails)()
    assert caught.value.message == shown
