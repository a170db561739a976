// A track while it is made: its pieces are played in a row, each from the very sample at which the last one ends. Where
// making is slower than hearing, hearing begins as late as it must so as not to run dry; ▶ does not wait for that.
const root = element.querySelector('.live_track');
const AHEAD = 0.05;  // seconds before a piece begins, for the browser to get ready
const SLOWER = 1.2;  // making may slow down
let track = null, audio = null, buffers = [], asked = new Set(), made = 0;
let sources = [], next = 0, playing = false, wanted = true, since = 0, begun = null, scheduled = 0, offset = 0, count = 0;

const bar = make(root, 'div', 'bar');
const toggle = signButton(bar, 'play', 'hear it', () => { wanted = !playing; playing ? silence() : sound(); });
const clock = make(bar, 'span', 'clock'), strip = make(root, 'div', 'strip'), canvas = make(strip, 'canvas', ''), head = make(strip, 'div', 'head');

// ---------------------------------------------------------------------------------------------------------- the pieces
async function fetched(number, url, run) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  const buffer = await audio.decodeAudioData(await answer.arrayBuffer());
  if (!track || track.run !== run) return;
  buffers[number] = buffer;
  made = buffers.reduce((sum, each) => sum + (each ? each.duration : 0), 0);
  cut();
  mark();
  draw();
  if (playing) schedule();
  else if (wanted && wait() <= 0) sound();
}

// Seconds until what is still to be made will be there before it is to be heard.
function wait() {
  const passed = (performance.now() - begun) / 1000, left = Math.max(0, track.duration - made);
  return track.over ? 0 : made ? SLOWER * left * passed / made - track.duration : Infinity;
}

// ------------------------------------------------------------------------------------------------------------ hearing
function sound() {
  if (!track || playing) return;
  speaker.admit(leave);
  audio.resume();
  playing = true;
  if (scheduled >= count && track.over) { scheduled = 0; offset = 0; }
  next = audio.currentTime + AHEAD;
  since = next - offset;
  schedule();
  mark();
  requestAnimationFrame(follow);
}

function schedule() {
  for (; buffers[scheduled]; scheduled++) {
    if (next < audio.currentTime + AHEAD / 2) {  // it ran dry: what comes now begins later
      since += audio.currentTime + AHEAD - next;
      next = audio.currentTime + AHEAD;
      root.dataset.gaps = Number(root.dataset.gaps || 0) + 1;
    }
    const source = new AudioBufferSourceNode(audio, {buffer: buffers[scheduled]}), number = scheduled;
    source.connect(audio.destination);
    source.start(next);
    sources.push({source, number, at: next});
    next += buffers[scheduled].length / track.sample_rate;
  }
  root.dataset.scheduled = scheduled;
}

// Ends at once; the piece that was cut short is heard again from its beginning.
function silence() {
  const now = audio.currentTime, cut = sources.find(each => each.at + each.source.buffer.duration > now);
  for (const each of sources) each.source.stop();
  if (cut) {
    scheduled = cut.number;
    offset = buffers.slice(0, scheduled).reduce((sum, each) => sum + each.duration, 0);
  }
  sources = [];
  playing = false;
  mark();
}

function follow() {
  if (!playing) { head.hidden = true; return; }
  if (audio.currentTime >= next && track.over && scheduled >= count) { silence(); offset = 0; scheduled = 0; head.hidden = true; return; }
  const at = Math.max(0, Math.min(audio.currentTime, next) - since);
  head.hidden = false;
  head.style.left = `${100 * at / track.duration}%`;
  root.dataset.at = at.toFixed(3);
  mark();
  if (element.isConnected) requestAnimationFrame(follow);
}

function leave() {
  if (!playing) return;
  wanted = false;
  silence();
}

// -------------------------------------------------------------------------------------------------------- what is seen
function mark() {
  root.classList.toggle('empty', !track);
  toggle.classList.toggle('on', playing);
  toggle.title = playing ? 'silence' : 'hear it';
  const soon = track && !track.over && wanted && !playing && made ? wait() : 0;
  const waits = soon > 0 ? ` · begins in about ${Math.ceil(soon)} s, so as not to wait between; ▶ begins now` : '';
  const at = playing ? `${Number(root.dataset.at || 0).toFixed(1)} s · ` : '';
  const said = track ? `${at}${made.toFixed(1)} s${track.over ? '' : ` of ${track.duration.toFixed(1)} s made`}${waits}` : '';
  if (clock.textContent !== said) clock.textContent = said;
  Object.assign(root.dataset, {state: playing ? 'playing' : 'stopped', pieces: buffers.filter(Boolean).length, over: Boolean(track && track.over)});
}

function draw() {
  const width = strip.clientWidth, height = strip.clientHeight;
  if (!track || !width || !height) return;
  Object.assign(canvas, {width, height});
  const pen = canvas.getContext('2d');
  pen.fillStyle = getComputedStyle(root).getPropertyValue('--body-text-color');
  let before = 0;
  for (const buffer of buffers.filter(Boolean)) {
    const samples = buffer.getChannelData(0), from = Math.floor(before / track.duration * width);
    before += buffer.duration;
    const to = Math.max(from + 1, Math.floor(before / track.duration * width)), step = samples.length / (to - from);
    for (let x = from; x < to; x++) {
      let level = 0;
      for (let i = Math.floor((x - from) * step); i < (x - from + 1) * step; i += 8) level = Math.max(level, Math.abs(samples[i] || 0));
      pen.fillRect(x, height / 2 * (1 - level), 1, Math.max(1, height * level));
    }
  }
}

function take() {
  const value = props.value && props.value.run ? props.value : null;
  if (!value) { if (playing) silence(); track = null; mark(); return; }
  if (!track || track.run !== value.run) {
    if (playing) silence();
    if (audio) audio.close();
    audio = new AudioContext({sampleRate: value.sample_rate});  // its own, so that no piece is resampled at its ends
    Object.assign(root.dataset, {gaps: 0, at: 0, scheduled: 0});
    [buffers, asked, made, sources, scheduled, offset, wanted, begun] = [[], new Set(), 0, [], 0, 0, true, performance.now()];
  }
  track = value;
  count = value.first + value.pieces.length;
  value.pieces.forEach((piece, i) => {
    const number = value.first + i;
    if (asked.has(number)) return;
    asked.add(number);
    fetched(number, piece.url, value.run).catch(error => console.warn('a piece could not be fetched', error));
  });
  if (value.stopped) leave();
  cut();
  mark();
  draw();
}
// A track that was stopped is as long as what was made of it, whose last pieces may still be on their way.
function cut() { if (track.stopped && made) track = {...track, duration: made}; }
new ResizeObserver(draw).observe(strip);
take();
watch('value', take);
