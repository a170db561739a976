// Two sounds start together and run in step, each behind a gain of its own: switching only moves the gains, so that
// the position is kept to the sample.
const root = element.querySelector('.ab_player');
const SIDES = ['original', 'decoded'], NAMES = {original: 'A original', decoded: 'B round trip'};
const FADE = 0.002;  // time constant in seconds: fast enough for a comparison, slow enough not to click
let bench = {sound: null, mel: {}, possible: false}, trip = null, busy = false;
let audio = null, buffers = {}, gains = {}, playing = null, side = 'original', looped = false, began = 0;

// -------------------------------------------------------------------------------------------------- what is there
const row = make(root, 'div', 'row');
const hear = make(row, 'button', 'hear', 'Hear the round trip');
const transport = make(row, 'div', 'transport'), clock = make(row, 'span', 'clock');
const play = make(transport, 'button', 'play', '▶'), loop = make(transport, 'button', 'loop', '↻');
const choice = Object.fromEntries(SIDES.map(each => [each, make(transport, 'button', `side ${each}`, NAMES[each])]));
const save = make(row, 'a', 'save', 'WAV');
const track = make(root, 'div', 'track'), bar = make(track, 'div', 'bar');
make(root, 'div', 'stale-note', 'Out of date: the settings have changed since. Hear it again.');
const strip = make(root, 'div', 'strip'), canvas = make(strip, 'canvas', ''), head = make(strip, 'div', 'head');
make(root, 'div', 'keys', 'space plays and stops · A, B choose · X switches · both are equally loud');
play.title = 'play or stop (space)';
loop.title = 'loop';
save.title = 'save the round trip as a WAV';

function context() {
  audio = audio || new AudioContext({latencyHint: 'interactive'});
  if (audio.state !== 'running') audio.resume();
  return audio;
}

function duration() { return Math.max(0, ...Object.values(buffers).map(buffer => buffer.duration)); }

function mark() {
  root.classList.toggle('ready', Boolean(buffers.decoded));
  root.classList.toggle('busy', busy);
  hear.textContent = busy ? 'Stop' : 'Hear the round trip';
  hear.disabled = !busy && !(bench.sound && bench.possible);
  play.textContent = playing ? '■' : '▶';
  loop.classList.toggle('on', looped);
  for (const each of SIDES) {
    choice[each].classList.toggle('on', each === side);
    choice[each].disabled = !buffers[each];
  }
  Object.assign(root.dataset, {state: playing ? 'playing' : 'stopped', side, ready: Object.keys(buffers).length});
  markStale();
}

function markStale() {
  const asMade = trip && trip.sound === bench.sound &&
    Object.keys(trip.mel).every(key => trip.mel[key] === bench.mel[key]);
  const old = Boolean(trip) && !asMade;
  root.classList.toggle('stale', old);
  document.dispatchEvent(new CustomEvent('lab:stale', {detail: old}));
}

// ---------------------------------------------------------------------------------------------------- the transport
function position() {
  if (!playing) return 0;
  const at = playing.from + audio.currentTime - playing.since;
  return looped ? at % duration() : Math.min(at, duration());
}

function start(from = 0) {
  if (!buffers.decoded) return;
  speaker.admit(stop);
  const out = context(), since = out.currentTime + 0.01;  // a moment ahead, so that both begin on the same sample
  const sources = Object.entries(buffers).map(([each, buffer]) => {
    gains[each] = new GainNode(out, {gain: loudness(each)});
    const source = new AudioBufferSourceNode(out, {buffer, loop: looped});
    source.connect(gains[each]).connect(out.destination);
    source.start(since, from);
    return source;
  });
  playing = {sources, since, from};
  const mine = playing;
  sources[sources.length - 1].onended = () => { if (playing === mine) stop(); };
  mark();
  requestAnimationFrame(follow);
}

function stop() {
  if (playing) for (const source of playing.sources) source.stop();
  playing = null;
  mark();
  follow();
}

function loudness(each) { return each === side ? trip.gains[SIDES.indexOf(each)] : 0; }

function choose(next) {
  if (!buffers[next]) return;
  side = next;
  if (playing) for (const each of Object.keys(buffers)) gains[each].gain.setTargetAtTime(loudness(each), audio.currentTime, FADE);
  mark();
  draw();
}

function setLoop(on) {
  const at = position();
  looped = on;
  if (playing) {
    for (const source of playing.sources) source.loop = on;
    Object.assign(playing, {from: at, since: audio.currentTime});
  }
  mark();
}

function follow() {
  const at = position(), whole = duration();
  head.style.left = `${whole ? 100 * Math.max(0, at) / whole : 0}%`;
  if (!busy) clock.textContent = whole ? `${Math.max(0, at).toFixed(2)} / ${whole.toFixed(2)} s` : '';
  if (playing && element.isConnected) requestAnimationFrame(follow);
}

// ----------------------------------------------------------------------------------------------------- the waveforms
function draw() {
  const scale = window.devicePixelRatio || 1, width = strip.clientWidth, height = strip.clientHeight;
  if (!width || !height || !buffers.decoded) return;
  Object.assign(canvas, {width: width * scale, height: height * scale});
  const pen = canvas.getContext('2d'), style = getComputedStyle(root);
  pen.scale(scale, scale);
  const colours = {original: style.getPropertyValue('--body-text-color-subdued'), decoded: style.getPropertyValue('--color-accent')};
  for (const each of SIDES.filter(name => buffers[name]).sort(name => name === side ? 1 : -1)) {  // the heard one on top
    pen.globalAlpha = each === side ? 1 : 0.35;
    pen.fillStyle = colours[each];
    outline(pen, buffers[each], trip.gains[SIDES.indexOf(each)], width, height);
  }
}

function outline(pen, buffer, gain, width, height) {
  const samples = buffer.getChannelData(0), step = samples.length / width;
  for (let x = 0; x < width; x++) {
    let low = 0, high = 0;
    for (let i = Math.floor(x * step); i < (x + 1) * step; i++) { low = Math.min(low, samples[i]); high = Math.max(high, samples[i]); }
    pen.fillRect(x, height / 2 * (1 - gain * high), 1, Math.max(1, height / 2 * gain * (high - low)));
  }
}

// ------------------------------------------------------------------------------------------------ hands on the page
onPress(hear, () => busy ? trigger('stop') : trigger('hear', {sound: bench.sound, mel: bench.mel}));
onPress(play, () => playing ? stop() : start());
onPress(loop, () => setLoop(!looped));
for (const each of SIDES) onPress(choice[each], () => choose(each));
strip.addEventListener('click', event => start(duration() * event.offsetX / strip.clientWidth));

const KEYS = {' ': () => playing ? stop() : start(), a: () => choose('original'), b: () => choose('decoded'),
  x: () => choose(side === 'original' ? 'decoded' : 'original')};

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onKey); return; }
  if (element.offsetParent === null || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act || !buffers.decoded || typing(event) || takenBy(event)) return;
  event.preventDefault();
  act();
}
document.addEventListener('keydown', onKey);

// ---------------------------------------------------------------------------------------- what comes from elsewhere
function onBench(event) {
  if (!element.isConnected) { document.removeEventListener('lab:bench', onBench); return; }
  bench = event.detail;
  mark();
}
document.addEventListener('lab:bench', onBench);

async function fetched(file) {
  const answer = await fetch(file.url);
  if (!answer.ok) throw new Error(`${file.url}: ${answer.status}`);
  return context().decodeAudioData(await answer.arrayBuffer());
}

async function load(next) {
  const sides = SIDES.filter(each => next[each]);
  const made = await Promise.all(sides.map(each => fetched(next[each])));
  stop();
  trip = next;
  buffers = Object.fromEntries(sides.map((each, i) => [each, made[i]]));
  if (!buffers[side]) side = 'decoded';
  Object.assign(save, {href: next.decoded.url, download: next.decoded.url.split('/').pop()});
  mark();
  draw();
  follow();
}

// How far the decoder is; the time left is guessed from the time that passed.
function progress({step = 0, total = 0}) {
  if (!step) began = performance.now();
  const left = step ? (performance.now() - began) / 1000 / step * (total - step) : 0;
  bar.style.width = total ? `${100 * step / total}%` : '0';
  if (busy) clock.textContent = total ? `round ${step} of ${total}${left > 1 ? `, about ${Math.round(left)} s left` : ''}` : '';
}

function take() {
  const value = props.value || {};
  busy = Boolean(value.busy);
  progress(value);
  if (value.clear) { stop(); trip = null; buffers = {}; side = 'original'; }
  if (value.trip) load(value.trip).catch(error => console.warn('a round trip could not be fetched', error));
  mark();
  if (!busy) follow();
}
take();
watch('value', take);
new ResizeObserver(draw).observe(strip);
