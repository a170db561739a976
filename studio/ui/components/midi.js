// A pad controller, asked for only when the user wants it: its notes go to whichever pads are in front.
const midi = document.oneShotMidi = document.oneShotMidi || makeMidi();

function makeMidi() {
  const news = new EventTarget();
  const state = {possible: Boolean(navigator.requestMIDIAccess), on: false, said: '', lacks: ''};

  async function open() {
    if (state.on) return;  // another access would hear every note a second time
    try {
      const access = await navigator.requestMIDIAccess();
      access.onstatechange = () => listen(access);
      listen(access);
    } catch (error) {
      const refused = 'MIDI was not allowed; let this page use it in the browser’s settings';
      tell(false, refused, refused);
    }
  }

  function listen(access) {
    const inputs = [...access.inputs.values()];
    for (const input of inputs) input.onmidimessage = heard;
    const lacks = inputs.length ? '' : 'no controller found; plug one in';
    tell(true, lacks || inputs.map(input => input.name).join(', '), lacks);
  }

  function heard(event) {
    const [status, note, velocity] = event.data;
    if ((status & 0xf0) !== 0x90 || !velocity) return;  // a note that begins
    news.dispatchEvent(Object.assign(new Event('note'), {note, velocity: velocity / 127, at: event.timeStamp}));
  }

  function tell(on, said, lacks) {
    Object.assign(state, {on, said, lacks});
    news.dispatchEvent(new Event('changed'));
  }

  const on = (name, act) => news.addEventListener(name, act), off = (name, act) => news.removeEventListener(name, act);
  return {state, open, on, off};
}
