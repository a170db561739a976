// A spectrogram to paint on. The mask is kept here, in the picture's own columns and rows, and goes to Python after every
// stroke; the original can be heard, with a head that moves over it.
const root = element.querySelector('.mask_brush');
const WIDEST = 16384;  // columns of a mask; of a longer sound several share one
const KINDS = {round: 'a round brush', slice: 'a slice of time, as high as all of it', band: 'a band of frequencies, as wide as all of it'};
const state = {kind: 'round', erase: false, serial: 0};
let painting = null, mask = null, last = null, mine = false;

const bar = make(root, 'div', 'bar');
const player = new Audio();
const play = signButton(bar, 'play', 'hear the original', () => player.paused ? start(0) : player.pause());
const name = make(bar, 'span', 'name'), clock = make(bar, 'span', 'clock');
const brushes = make(bar, 'div', 'brushes');
const kinds = Object.fromEntries(Object.entries(KINDS).map(([kind, title]) => [
  kind, signButton(brushes, kind, title, () => { Object.assign(state, {kind, erase: false}); mark(); })]));
const erase = signButton(brushes, 'erase', 'erase (hold Shift)', () => { state.erase = !state.erase; mark(); });
const size = knob('size', 2, 160, 1, 36, 'how wide the brush is'), soft = knob('soft', 0, 1, 0.05, 0.3, 'how soft its edge is');
const acts = make(bar, 'div', 'acts');
const undo = signButton(acts, 'unstroke', 'one stroke back (Ctrl+Z)', () => { mask.undo(); changed(); });
signButton(acts, 'invert', 'invert: what is kept becomes what is made anew', () => { mask.fill(value => 255 - value); changed(); });
const clear = signButton(acts, 'trash', 'clear: without paint all of it is made anew', () => { mask.fill(() => 0); changed(); });
const frame = make(root, 'div', 'frame'), image = make(frame, 'img', 'picture'), canvas = make(frame, 'canvas', 'paint');
const ticks = make(frame, 'div', 'ticks'), head = make(frame, 'div', 'head'), ring = make(frame, 'div', 'ring');
const ruler = make(root, 'div', 'ruler');
make(root, 'div', 'nothing', props.hint || '');
Object.assign(image, {alt: '', draggable: false});
canvas.tabIndex = -1;  // a press takes the focus from what was typed in; there is nothing to do here by keys
canvas.setAttribute('aria-label', 'paint what is to be made anew');
ruler.title = 'hear the original from here';

function knob(words, low, high, step, value, title) {
  const label = make(brushes, 'label', 'knob', words), made = make(label, 'input', words);
  Object.assign(made, {type: 'range', min: low, max: high, step, value, title});
  return made;
}

// ------------------------------------------------------------------------------------------------------------ painting
function placeOf(event) {
  const box = canvas.getBoundingClientRect();
  return {x: (event.clientX - box.left) / box.width * mask.columns, y: (event.clientY - box.top) / box.height * mask.rows};
}

function brushFor(event) {
  const box = canvas.getBoundingClientRect(), radius = Number(size.value) / 2;
  return {kind: state.kind, soft: Number(soft.value), erase: state.erase !== event.shiftKey,
    across: Math.max(0.51, radius / box.width * mask.columns), up: Math.max(0.51, radius / box.height * mask.rows)};
}

// From where the brush was to where it is, in steps of a quarter of it.
function stroke(event) {
  const to = placeOf(event), brush = brushFor(event), from = last || to;
  const steps = Math.max(1, Math.ceil(4 * Math.max(Math.abs(to.x - from.x) / brush.across, Math.abs(to.y - from.y) / brush.up)));
  for (let i = last ? 1 : steps; i <= steps; i++) {
    show(mask.touch(from.x + (to.x - from.x) * i / steps, from.y + (to.y - from.y) * i / steps, brush));
  }
  last = to;
}

canvas.addEventListener('pointerdown', event => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  mask.remember();
  last = null;
  stroke(event);
});
canvas.addEventListener('pointermove', event => {
  follow(event);
  if (canvas.hasPointerCapture(event.pointerId)) for (const each of event.getCoalescedEvents?.() || [event]) stroke(each);
});
for (const kind of ['pointerup', 'pointercancel']) canvas.addEventListener(kind, () => { if (last) changed(); last = null; });
canvas.addEventListener('pointerleave', () => { ring.hidden = true; });
// Of the strokes it is, as long as the mouse was used here last; else it is for the trash of the pads.
document.addEventListener('pointerdown', event => { mine = root.contains(event.target); }, true);
document.addEventListener('keydown', function onUndo(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onUndo, true); return; }
  if (event.key !== 'z' || !(event.ctrlKey || event.metaKey) || typing(event)) return;
  if (!mine || !mask || element.offsetParent === null) return;
  event.preventDefault();  // also of a mask without strokes: one press too many is not for the trash
  if (!mask.steps) return;
  mask.undo();
  changed();
}, true);

// The brush's outline under the pointer.
function follow(event) {
  const box = canvas.getBoundingClientRect(), wide = Number(size.value), tall = wide;
  ring.hidden = false;
  ring.className = `ring ${state.kind}`;
  const [width, height] = [state.kind === 'band' ? box.width : wide, state.kind === 'slice' ? box.height : tall];
  const x = state.kind === 'band' ? box.width / 2 : event.clientX - box.left;
  const y = state.kind === 'slice' ? box.height / 2 : event.clientY - box.top;
  Object.assign(ring.style, {width: `${width}px`, height: `${height}px`, left: `${x - width / 2}px`, top: `${y - height / 2}px`});
}

function show({left, top, width, height}) {
  if (!width || !height) return;
  const part = new ImageData(width, height), bytes = mask.bytes;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = bytes[(top + row) * mask.columns + left + column];
      part.data.set([255, 255, 255, value], 4 * (row * width + column));
    }
  }
  canvas.getContext('2d').putImageData(part, left, top);
}

// A stroke is done: all of it is drawn anew, and Python is told.
function changed() {
  show({left: 0, top: 0, width: mask.columns, height: mask.rows});
  state.serial += 1;
  mark();
  trigger('painted', {token: painting.token, serial: state.serial, mask: mask.any ? asPng() : ''});
}

function asPng() {
  const whole = document.createElement('canvas');
  Object.assign(whole, {width: Math.round(mask.columns * painting.columns / painting.heard), height: mask.rows});
  const pen = whole.getContext('2d');
  pen.fillRect(0, 0, whole.width, whole.height);
  pen.drawImage(canvas, 0, 0);
  return whole.toDataURL('image/png');
}

// ------------------------------------------------------------------------------------------------------- the original
function start(from) {
  if (!painting) return;
  speaker.admit(() => player.pause());
  player.currentTime = from;
  player.play().catch(error => console.warn('the sound could not be played', error));
}

function left(seconds) { return 100 * (seconds - painting.begin) / (painting.end - painting.begin); }

function moveHead() {
  const on = painting && !player.paused && !player.ended;
  head.hidden = !on;
  root.dataset.state = on ? 'playing' : 'stopped';
  play.classList.toggle('on', Boolean(on));
  if (!painting) return;
  head.style.left = `${left(player.currentTime)}%`;
  const whole = Number.isFinite(player.duration) ? player.duration : painting.end;
  clock.textContent = `${(on ? player.currentTime : 0).toFixed(2)} / ${whole.toFixed(2)} s`;
  if (on && element.isConnected) requestAnimationFrame(moveHead);
}
for (const kind of ['play', 'pause', 'ended', 'loadedmetadata']) player.addEventListener(kind, moveHead);
ruler.addEventListener('pointerdown', event => {
  const box = ruler.getBoundingClientRect(), span = painting.end - painting.begin;
  start(Math.max(0, painting.begin + (event.clientX - box.left) / box.width * span));
});

// -------------------------------------------------------------------------------------------------------- what is seen
function mark() {
  for (const [kind, each] of Object.entries(kinds)) each.classList.toggle('on', kind === state.kind);
  erase.classList.toggle('on', state.erase);
  root.classList.toggle('empty', !painting);
  undo.disabled = !mask || !mask.steps;
  clear.disabled = !mask || !mask.any;
  Object.assign(root.dataset, {painted: mask && mask.any ? 'some' : 'none', serial: state.serial, token: painting ? painting.token : ''});
}

// Ticks of 1, 2 or 5 times a power of ten, about one for every hundred pixels.
function drawRuler() {
  const span = painting ? painting.end : 0, wanted = span / Math.max(2, ruler.clientWidth / 100);
  if (!span || !ruler.clientWidth) return;
  const power = 10 ** Math.floor(Math.log10(wanted)), step = [1, 2, 5, 10].find(each => each * power >= wanted) * power;
  ruler.replaceChildren();
  for (let i = 0; i * step < span * 0.985; i++) {
    const seconds = i * step, tick = make(ruler, 'span', 'tick', step < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(0)} s`);
    tick.style.left = `${Math.max(0, left(seconds))}%`;
  }
}

function take() {
  const value = props.value && props.value.token ? props.value : null;
  if (value && painting && value.token === painting.token) return;
  painting = value;
  player.pause();
  mask = null;
  if (painting) {
    mask = makeMask(Math.min(WIDEST, painting.heard), painting.rows);
    Object.assign(canvas, {width: mask.columns, height: mask.rows});
    image.src = painting.image;
    player.src = painting.sound.url;
    name.textContent = painting.name;
    ticks.replaceChildren(...painting.ticks.map(([words, height]) => {
      const tick = make(null, 'span', 'tick', words);
      tick.style.bottom = `${100 * height}%`;
      return tick;
    }));
  }
  ring.hidden = true;
  mark();
  moveHead();
  drawRuler();
}
new ResizeObserver(drawRuler).observe(ruler);
dropIn(element, root, props.drop_into);
take();
watch('value', take);
