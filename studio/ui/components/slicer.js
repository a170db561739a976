// A recording with its pieces: the wheel looks closer, a click hears a piece, its number leaves it out, a double click
// cuts it in two. The pieces are found again as the sensitivity moves, one request at a time.
const root = element.querySelector('.slicer');
const NUMBERS = 18;  // pixels at the top of the strip in which the numbers of the pieces stand
let recording = null, pieces = [], from = 0, to = 0, playing = null;

const bar = make(root, 'div', 'bar'), name = make(bar, 'span', 'name'), count = make(bar, 'span', 'count');
const sensitivity = knob('sensitivity', 0, 1, 0.01, 'further right finds more beginnings');
const gap = knob('shortest', 10, 500, 10, 'two beginnings that are nearer than this (ms) are one');
const cut = button('cut', 'Add one-shots', 'cut the chosen pieces out and prepare them', () => trigger('cut', {
  token: recording.token, pieces: pieces.filter(piece => piece.on).map(piece => [piece.start, piece.end])}));
button('close', '×', 'put the recording away', () => trigger('closed'));
const strip = make(root, 'div', 'strip'), canvas = make(strip, 'canvas', ''), head = make(strip, 'div', 'head');
make(root, 'div', 'hint', 'Click a piece to hear it, its number to leave it out, twice to cut it in two. The wheel looks closer; drag to move along.');

function knob(words, low, high, step, title) {
  const label = make(bar, 'label', 'knob', words), made = make(label, 'input', words);
  Object.assign(made, {type: 'range', min: low, max: high, step, title});
  made.addEventListener('input', () => find());
  return made;
}

function button(kind, words, title, act) {
  const made = make(bar, 'button', kind, words);
  made.title = title;
  return onPress(made, act);
}

// --------------------------------------------------------------------------------------------------- finding the pieces
const ask = latestWins(async asked => {
  const answer = await server.pieces(asked);
  if (answer.error) trigger('fault', {text: answer.error});
  else if (recording && asked.token === recording.token) setPieces(answer.pieces);
}, () => trigger('fault', {text: 'The studio does not answer; is it still running?'}));

function find() {
  ask({token: recording.token, sensitivity: Number(sensitivity.value), gap_ms: Number(gap.value)});
}

function setPieces(found) {
  pieces = found.map(([start, end]) => ({start, end, on: true}));
  draw();
}

// --------------------------------------------------------------------------------------------------------- the picture
function x(seconds) { return (seconds - from) / (to - from) * strip.clientWidth; }
function secondsAt(pixels) { return from + pixels / strip.clientWidth * (to - from); }

function draw() {
  const chosen = pieces.filter(piece => piece.on).length;
  count.textContent = `${pieces.length} pieces${chosen < pieces.length ? `, ${chosen} chosen` : ''}`;
  cut.textContent = `Add ${chosen} one-shot${chosen === 1 ? '' : 's'}`;
  cut.disabled = !chosen;
  Object.assign(root.dataset, {pieces: pieces.length, chosen});
  const width = strip.clientWidth, height = strip.clientHeight;
  if (!recording || !width || !height) return;
  Object.assign(canvas, {width, height});
  const pen = canvas.getContext('2d'), style = getComputedStyle(root), ink = style.getPropertyValue('--body-text-color-subdued');
  const accent = style.getPropertyValue('--color-accent'), {outline, duration} = recording, middle = (NUMBERS + height) / 2;
  const loudest = Math.max(...outline, 1e-6);
  for (let column = 0; column < width; column++) {
    const first = Math.floor(secondsAt(column) / duration * outline.length), last = Math.ceil(secondsAt(column + 1) / duration * outline.length);
    let level = 0;
    for (let i = Math.max(0, first); i < Math.min(outline.length, Math.max(last, first + 1)); i++) level = Math.max(level, outline[i]);
    const piece = pieceAt(secondsAt(column + 0.5)), tall = Math.max(1, (height - NUMBERS - 4) * level / loudest);
    pen.fillStyle = piece && piece.on ? accent : ink;
    pen.globalAlpha = piece ? piece.on ? piece === playing ? 1 : 0.75 : 0.35 : 0.35;
    pen.fillRect(column, middle - tall / 2, 1, tall);
  }
  pen.globalAlpha = 1;
  pen.font = '10px ui-monospace, Consolas, monospace';
  pieces.forEach((piece, i) => {
    const left = Math.round(x(piece.start));
    if (left < -40 || left > width) return;
    pen.fillStyle = piece.on ? accent : ink;
    pen.fillRect(left, 0, 1, height);
    if (x(piece.end) - left > 16) pen.fillText(piece.on ? i + 1 : `${i + 1} out`, left + 4, 12);
  });
}

function pieceAt(seconds) { return pieces.find(piece => seconds >= piece.start && seconds < piece.end); }

// -------------------------------------------------------------------------------------------------------------- hearing
async function play(piece, event) {
  const answer = await server.piece({token: recording.token, start: piece.start, end: piece.end});
  if (answer.error) { trigger('fault', {text: answer.error}); return; }
  playing = piece;
  const url = wavAddress(answer.wav);
  await speaker.load(url);
  URL.revokeObjectURL(url);
  speaker.play({id: 'piece', url}, {event});
  root.dataset.played = pieces.indexOf(piece);
  follow();
}

function follow() {
  const at = playing ? speaker.position('piece') : null;
  head.hidden = at === null;
  if (at === null) { if (playing) { playing = null; draw(); } return; }
  head.style.left = `${x(playing.start + at)}px`;
  if (element.offsetParent !== null) requestAnimationFrame(follow);
}

// ----------------------------------------------------------------------------------------------------- hands on the strip
let grip = null;
strip.addEventListener('pointerdown', event => { grip = {x: event.clientX, from, to, moved: false}; });
strip.addEventListener('pointermove', event => {
  if (!grip || !event.buttons) return;
  const by = (grip.x - event.clientX) / strip.clientWidth * (grip.to - grip.from);
  if (Math.abs(event.clientX - grip.x) > 4) grip.moved = true;
  if (grip.moved) show(grip.from + by, grip.to + by);
});
strip.addEventListener('click', event => {
  if (!grip || grip.moved || event.detail > 1) return;
  const piece = pieceAt(secondsAt(event.offsetX));
  if (piece && event.offsetY < NUMBERS) { piece.on = !piece.on; draw(); }
  else if (piece) play(piece, event).catch(error => console.warn('a piece could not be played', error));
});
strip.addEventListener('dblclick', event => {
  const at = secondsAt(event.offsetX), piece = pieceAt(at);
  if (!piece || event.offsetY < NUMBERS || at - piece.start < 0.005 || piece.end - at < 0.005) return;
  pieces.splice(pieces.indexOf(piece) + 1, 0, {start: at, end: piece.end, on: true});
  piece.end = at;
  draw();
});
strip.addEventListener('wheel', event => {
  if (!recording) return;
  event.preventDefault();
  const at = secondsAt(event.offsetX), scale = Math.exp(event.deltaY / 400);
  const span = Math.min(recording.duration, Math.max(0.05, (to - from) * scale)), part = (at - from) / (to - from);
  show(at - part * span, at + (1 - part) * span);
}, {passive: false});

function show(start, end) {
  const span = Math.min(end - start, recording.duration);
  from = Math.max(0, Math.min(recording.duration - span, start));
  to = from + span;
  draw();
}

function take() {
  const value = props.value || {};
  if (!value.token) { recording = null; pieces = []; return; }
  if (recording && recording.token === value.token) return;
  recording = value;
  name.textContent = `${value.name}, ${value.duration.toFixed(1)} s`;
  Object.assign(sensitivity, {value: value.sensitivity});
  Object.assign(gap, {value: value.gap_ms});
  [from, to] = [0, value.duration];
  setPieces(value.pieces);
}
new ResizeObserver(draw).observe(strip);
take();
watch('value', take);
