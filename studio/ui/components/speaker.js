// The page's one loudspeaker, shared by all pads and players: sounds are decoded ahead and start with the key. One
// sounds at a time, unless they are layered (a pad controller's), and Escape ends them on any tab. Who shows a sound
// asks here where it is.
const speaker = document.oneShotSpeaker = document.oneShotSpeaker || makeSpeaker();

function makeSpeaker() {
  const KEPT = 2 ** 28;  // bytes of decoded sounds; the oldest are forgotten
  const AHEAD = 20;    // seconds; a longer sound is not decoded before it is wanted
  const FADE = 0.002;  // time constant in seconds of an end that does not click
  const news = new EventTarget();
  const buffers = new Map();  // address → AudioBuffer, or the promise of one
  const voices = new Map();   // id → what is sounding of it
  let audio = null, wanted = null, guest = null;
  const state = {looped: false, matched: true, latency: null, front: null};

  function context() {
    audio = audio || new AudioContext({latencyHint: 'interactive'});
    return audio;
  }

  // A browser lets a page sound after its first gesture: any one will do, so that the first pad need not wait for it.
  function wake() {
    if (audio && audio.state !== 'running') audio.resume();
  }
  for (const gesture of ['pointerdown', 'keydown']) document.addEventListener(gesture, wake, {capture: true});

  function tell() { news.dispatchEvent(new Event('changed')); }

  // ------------------------------------------------------------------------------------------------ decoded ahead
  async function load(url) {
    if (!buffers.has(url)) {
      buffers.set(url, decode(url).then(
        buffer => { buffers.set(url, buffer); forget(url); tell(); },
        error => { buffers.delete(url); throw error; }));
    }
    await buffers.get(url);
  }

  async function decode(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return context().decodeAudioData(await answer.arrayBuffer());
  }

  function forget(newest) {
    let bytes = 0;
    for (const [url, each] of [...buffers].reverse()) {
      if (each instanceof AudioBuffer) bytes += 4 * each.length * each.numberOfChannels;
      if (bytes > KEPT && url !== newest) buffers.delete(url);
    }
  }

  // sounds: [{sound: {url}, duration}]
  function ahead(sounds) {
    for (const {sound, duration} of sounds) {
      if (!(duration > AHEAD)) load(sound.url).catch(error => console.warn('a sound could not be fetched', error));
    }
  }

  // Whether as much of a sound is there as it needs before it is played.
  function ready({sound, duration}) { return duration > AHEAD || Boolean(buffer(sound.url)); }

  function buffer(url) {
    const found = buffers.get(url);
    return found instanceof AudioBuffer ? found : null;
  }

  // ----------------------------------------------------------------------------------------------------- sounding
  // sound: {id, url, level_db}. event: the key or the click, for the record of how long it took.
  function play(sound, {from = 0, velocity = 1, layered = false, event = null} = {}) {
    const out = context(), decoded = buffer(sound.url);
    wake();
    wanted = sound.id;
    if (layered) end(sound.id); else silence();
    if (decoded) start(out, sound, decoded, from, velocity, event);
    else {
      load(sound.url).then(() => { if (wanted === sound.id) play(sound, {from, velocity, layered}); })
        .catch(error => console.warn('a sound could not be fetched', error));
    }
    tell();
    return Boolean(decoded);
  }

  function start(out, sound, decoded, from, velocity, event) {
    const matched = state.matched ? 10 ** ((sound.level_db || 0) / 20) : 1;
    const gain = new GainNode(out, {gain: velocity ** 2 * matched});
    const source = new AudioBufferSourceNode(out, {buffer: decoded, loop: state.looped});
    source.connect(gain).connect(out.destination);
    source.start(0, from);
    const voice = {source, gain, since: out.currentTime, from, duration: decoded.duration};
    source.onended = () => { if (voices.get(sound.id) === voice) { voices.delete(sound.id); tell(); } };
    voices.set(sound.id, voice);
    if (event) state.latency = performance.now() - event.timeStamp + 1000 * out.baseLatency;
  }

  function end(id) {
    const voice = voices.get(id);
    if (!voice) return;
    voices.delete(id);
    voice.gain.gain.setTargetAtTime(0, audio.currentTime, FADE);
    voice.source.stop(audio.currentTime + 6 * FADE);
  }

  function silence() {
    for (const id of [...voices.keys()]) end(id);
    const leave = guest;
    guest = null;
    if (leave) leave();
  }

  function stop() {
    wanted = null;
    silence();
    tell();
  }
  document.addEventListener('keydown', event => { if (event.key === 'Escape') stop(); });

  // A player with sources of its own (two sides in step, a track in pieces, a long song) is heard until another sound
  // begins that is not layered over it, or all are stopped: `leave` is called then.
  function admit(leave) {
    stop();
    guest = leave;
  }

  // Where in the sound we are, in seconds, or null where it is silent.
  function position(id) {
    const voice = voices.get(id);
    if (!voice) return null;
    const at = Math.max(0, voice.from + audio.currentTime - voice.since);
    return voice.source.loop ? at % voice.duration : Math.min(at, voice.duration);
  }

  function setLooped(on) {
    for (const [id, voice] of voices) {
      Object.assign(voice, {from: position(id), since: audio.currentTime});
      voice.source.loop = on;
    }
    state.looped = on;
    tell();
  }

  function setMatched(on) {
    state.matched = on;
    tell();
  }

  function on(listener) { news.addEventListener('changed', listener); }
  function off(listener) { news.removeEventListener('changed', listener); }

  return {state, load, ahead, ready, buffer, play, stop, admit, position, setLooped, setMatched, on, off};
}

// An address at which a WAV can be played that came as base64; who asked lets go of it with URL.revokeObjectURL.
function wavAddress(base64) {
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], {type: 'audio/wav'}));
}
