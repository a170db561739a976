// A closer look at one sound: its waveform over its full spectrogram, one play head through both, and how it was made.
// The sound is the page's loudspeaker's, so that a sound played on a pad moves the head here.
const root = element.querySelector('.detail');
const can = new Set(props.actions || []);
const WIDEST = 1200;  // pixels of a waveform's picture; more are not to be seen
let shown = null;

make(root, 'div', 'nothing', props.hint || '');
const look = make(root, 'div', 'look'), facts = make(root, 'div', 'facts');
const bar = make(look, 'div', 'transport');
signButton(bar, 'play', 'play from the beginning', event => play(0, event));
const loop = signButton(bar, 'loop', 'loop (L)', () => speaker.setLooped(!speaker.state.looped));
const name = make(bar, can.has('name') ? 'input' : 'span', 'name');
const star = can.has('star') ? signButton(bar, 'star', 'star (S)', changeStar) : null;
const clock = make(bar, 'span', 'clock');
const file = make(bar, 'a', 'file');
const strips = make(look, 'div', 'strips'), wave = make(strips, 'canvas', 'wave');
const spectrum = make(strips, 'div', 'spectrum');
const image = make(spectrum, 'img', 'picture'), ticks = make(spectrum, 'div', 'ticks');
const head = make(strips, 'div', 'head');
const recipe = make(facts, 'dl', 'recipe');
const note = can.has('note') ? make(facts, 'textarea', 'note') : null;
const acts = make(facts, 'div', 'acts');
const COMMANDS = {
  reuse: ['Use these settings', 'fill the controls with what made this sound', () => trigger('reused', {id: shown.id})],
  more: ['More like this', 'the same settings with fresh seeds', () => trigger('more', {id: shown.id})],
  transform: ['Transform', 'make it anew, or paint on it', () => trigger('transformed', {id: shown.id})],
  path: ['Copy path', 'copy where the file lies', copyPath],
  reveal: ['Reveal in folder', 'show the file in its folder', () => trigger('revealed', {id: shown.id})],
};
for (const [command, [words, title, act]] of Object.entries(COMMANDS)) {
  if (can.has(command)) signButton(acts, command, title, act, words);
}
image.alt = '';
image.draggable = false;
file.title = 'drag it out, or click to save it';

// ------------------------------------------------------------------------------------------------------- the sound
function length() {
  const buffer = shown && speaker.buffer(shown.sound.url);
  return buffer ? buffer.duration : 0;
}

function play(from, event) {
  if (shown) speaker.play({id: shown.id, url: shown.sound.url, level_db: shown.level_db}, {from, event});
}

function follow() {
  const at = shown ? speaker.position(shown.id) : null, whole = length();
  head.hidden = at === null;
  head.style.left = `${whole && at !== null ? 100 * at / whole : 0}%`;
  setClock(at, whole);
  if (at !== null && element.offsetParent !== null) requestAnimationFrame(follow);
}

function setClock(at, whole) {
  const said = whole ? `${(at || 0).toFixed(2)} / ${whole.toFixed(2)} s` : '';
  if (clock.textContent !== said) clock.textContent = said;
}

function onSpeaker() {
  if (!element.isConnected) { speaker.off(onSpeaker); return; }
  loop.classList.toggle('on', speaker.state.looped);
  root.dataset.state = shown && speaker.position(shown.id) !== null ? 'playing' : 'stopped';
  if (element.offsetParent === null) return;
  drawWave();
  follow();
}
speaker.on(onSpeaker);

// ------------------------------------------------------------------------------------------------------- its picture
let drawnOf = '';

function drawWave() {
  const buffer = shown && speaker.buffer(shown.sound.url);
  const width = Math.min(WIDEST, wave.clientWidth), height = wave.clientHeight;
  const ink = getComputedStyle(root).getPropertyValue('--body-text-color');
  const wanted = `${shown && shown.sound.url} ${width} ${height} ${ink}`;
  if (!buffer || !width || !height || drawnOf === wanted) return;
  drawnOf = wanted;
  Object.assign(wave, {width, height});
  const pen = wave.getContext('2d'), step = buffer.length / width;
  pen.fillStyle = ink;
  const channels = Array.from({length: buffer.numberOfChannels}, (_, i) => buffer.getChannelData(i));
  for (let x = 0; x < width; x++) {
    const start = Math.floor(x * step), [low, high] = span(channels, start, Math.max(start + 1, Math.floor((x + 1) * step)));
    pen.fillRect(x, height / 2 * (1 - high), 1, Math.max(1, height / 2 * (high - low)));
  }
}

function span(channels, start, end) {
  let low = 0, high = 0;
  for (const samples of channels) {
    for (let i = start; i < end; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
  }
  return [low, high];
}

// ------------------------------------------------------------------------------------------------------- what is said
function draw() {
  root.classList.toggle('empty', !shown);
  drawnOf = '';
  if (!shown) return;
  if (document.activeElement !== name) name[can.has('name') ? 'value' : 'textContent'] = shown.title;
  if (note && document.activeElement !== note) note.value = shown.note;
  if (star) {
    star.classList.toggle('on', shown.starred);
    star.setAttribute('aria-pressed', shown.starred);
  }
  image.src = shown.image;
  ticks.replaceChildren(...shown.ticks.map(([words, height]) => {
    const tick = make(null, 'span', 'tick', words);
    tick.style.bottom = `${100 * height}%`;
    return tick;
  }));
  Object.assign(file, {textContent: shown.file, href: shown.sound.url, download: shown.file});
  recipe.replaceChildren(
    ...shown.recipe.flatMap(([term, value]) => [make(null, 'dt', '', term), make(null, 'dd', '', value)]));
  Object.assign(root.dataset, {id: shown.id, starred: shown.starred});
}

function take() {
  shown = props.value && props.value.id ? props.value : null;
  draw();
  onSpeaker();
  if (shown) speaker.load(shown.sound.url).then(onSpeaker, error => console.warn('a sound could not be fetched', error));
}

function changeStar() { trigger('starred', {id: shown.id, on: !shown.starred}); }

async function copyPath(event) {
  const button = event.currentTarget;
  try {
    await navigator.clipboard.writeText(shown.path);
    button.lastChild.textContent = 'Copied';
  } catch (error) {  // a browser that lets no page write there: the user can
    window.prompt('Copy the path:', shown.path);
  }
  setTimeout(() => { button.lastChild.textContent = COMMANDS.path[0]; }, 1500);
}

// ------------------------------------------------------------------------------------------------- hands on the page
function playFrom(event) {
  const box = strips.getBoundingClientRect();
  play(Math.max(0, Math.min(0.999, (event.clientX - box.left) / box.width)) * length(), event);
}
let byMouse = false;  // which plays as it is pressed; a finger may only want to scroll
strips.addEventListener('pointerdown', event => {
  byMouse = event.pointerType === 'mouse';
  if (byMouse) playFrom(event);
});
strips.addEventListener('click', event => { if (!byMouse) playFrom(event); });
file.addEventListener('dragstart', event => carry(event.dataTransfer, [shown.sound.url], shown.sound.url));

// Keeps a text when it is left, or with Enter where it has one line; Escape brings the old one back. It is for the sound
// that was shown when it was begun: another may have come up meanwhile.
function kept(field, act) {
  let begun = null;
  field.addEventListener('focus', () => { begun = shown && {id: shown.id, text: field.value}; });
  field.addEventListener('change', () => {
    const typed = field.value.trim();
    if (begun && typed !== begun.text) act(begun.id, typed);
  });
  field.addEventListener('blur', () => { if (begun && !(shown && shown.id === begun.id)) draw(); });
  field.addEventListener('keydown', event => {
    event.stopPropagation();
    if (event.key === 'Escape') { field.value = begun ? begun.text : ''; field.blur(); }
    if (event.key === 'Enter' && field.tagName === 'INPUT') field.blur();
  });
}
if (can.has('name')) {
  Object.assign(name, {maxLength: 200, title: 'name: the file is called by it as well', spellcheck: false});
  name.setAttribute('aria-label', 'name');
  kept(name, (id, typed) => { if (typed) trigger('renamed', {id, name: typed}); else name.value = shown.title; });
}
if (note) {
  Object.assign(note, {maxLength: 4000, rows: 1, placeholder: 'note'});
  note.setAttribute('aria-label', 'note');
  kept(note, (id, typed) => trigger('noted', {id, note: typed}));
}

take();
watch('value', take);
new ResizeObserver(onSpeaker).observe(strips);
