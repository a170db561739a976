// Pads: eight in a row, sixteen on a screen. Keys, clicks and a pad controller play them; what is chosen can be starred,
// renamed, thrown away and dragged out. The truth is Python's: the page only asks, and shows what comes back.
const root = element.querySelector('.pads');
const KEYS_OF_PADS = 16, FIRST_NOTE = 36;
const WIDEST_PAD = 130;  // pixels, of one in a field, so that four columns do not fill the page
const CALM = 150;  // ms: a roll on the pads asks for one closer look, not for twenty
const can = new Set(props.actions || []);
const drawn = new Map();  // what a cell shows → its element
const picked = {told: '[]', timer: 0};
const told = {id: null, at: 0, timer: 0};  // of which sound Python was asked for a closer look, and when
let tapping = false;  // whether a tap chooses one more instead of playing: fingers have no Ctrl
let first = 0, chosen = new Set(), lead = null, letters = PAD_LETTERS, before = [], asked = false;

const tools = make(root, 'div', 'tools'), grid = make(root, 'div', 'grid');
const hint = make(root, 'div', 'nothing', props.hint || '');
grid.setAttribute('role', 'group');
grid.setAttribute('aria-label', 'sounds');

function items() { return props.value && Array.isArray(props.value.pads) ? props.value.pads : []; }
function columnsOf() { return (props.value && props.value.columns) || 0; }
function per() { return columnsOf() ? Math.max(1, items().length) : props.per || KEYS_OF_PADS; }
function screen() { return items().slice(first, first + per()); }
function indexOf(id) { return items().findIndex(item => item.id === id); }
function sounds(ids) { return items().filter(item => ids.has(item.id)); }
function nameOf(item, i) { return item.waiting ? `slot ${i}` : `pad ${item.id}`; }

// --------------------------------------------------------------------------------------------------------- the tools
const stop = signButton(tools, 'stop', 'stop (Escape)', () => speaker.stop());
const loop = signButton(tools, 'loop', 'loop (L)', () => speaker.setLooped(!speaker.state.looped));
const level = signButton(tools, 'level', '', () => speaker.setMatched(!speaker.state.matched));
const acts = make(tools, 'div', 'acts');
if (can.has('star')) signButton(acts, 'star', 'star (S)', star);
if (can.has('rename')) signButton(acts, 'name', 'rename (F2)', rename);
if (can.has('remove')) signButton(acts, 'trash', 'to the trash (Delete)', remove);
const several = can.has('remove') ? signButton(tools, 'several', 'choose several by tapping them', severally) : null;
const undo = signButton(tools, 'undo', 'take it out of the trash again (Ctrl+Z)', () => trigger('undone'), 'Undo');
const said = make(tools, 'span', 'said');
const back = signButton(tools, 'back', 'the screen before (Page Up)', () => turn(-1));
const pages = make(tools, 'span', 'pages');
const next = signButton(tools, 'next', 'the next screen (Page Down)', () => turn(1));
const controller = signButton(tools, 'midi', '', () => midi.open(), 'MIDI');

function markTools() {
  const count = items().length, thrown = (props.value || {}).thrown || 0;
  loop.classList.toggle('on', speaker.state.looped);
  level.classList.toggle('on', speaker.state.matched);
  level.title = speaker.state.matched ? 'all are equally loud; click to hear them as they are'
    : 'as loud as they are; click to match them';
  acts.hidden = !chosen.size;
  undo.hidden = !thrown;
  if (several) several.classList.toggle('on', tapping);
  setText(said, chosen.size > 1 ? `${chosen.size} chosen` : thrown ? `${thrown} in the trash` : midi.state.lacks);
  for (const each of [back, next, pages]) each.hidden = count <= per();
  back.disabled = !first;
  next.disabled = first + per() >= count;
  setText(pages, `${first + 1}–${Math.min(count, first + per())} of ${count}`);
  controller.hidden = !midi.state.possible;
  controller.classList.toggle('on', midi.state.on);
  controller.title = midi.state.said || 'let a pad controller play: note 36 is the first pad';
}

// ------------------------------------------------------------------------------------------------------- what is seen
function draw() {
  const shown = screen();
  arrange(grid, shown.map((item, i) => cellOf(item, first + i)));
  const columns = columnsOf();
  grid.style.gridTemplateColumns = columns ? `repeat(${columns}, minmax(0, 1fr))` : '';
  grid.style.maxWidth = columns ? `${columns * WIDEST_PAD}px` : '';
  const kept = new Set(shown.map((item, i) => nameOf(item, first + i)));
  for (const name of drawn.keys()) if (!kept.has(name)) drawn.delete(name);
  hint.hidden = shown.length > 0;
  mark();
}

function cellOf(item, i) {
  const name = nameOf(item, i);
  if (!drawn.has(name)) drawn.set(name, item.waiting ? makeSlot() : makePad(can));
  return drawn.get(name);
}

function mark() {
  const shown = screen();
  let ready = 0;
  shown.forEach((item, i) => {
    const cell = drawn.get(nameOf(item, first + i));
    if (!cell) return;
    if (item.waiting) { fillSlot(cell, item); return; }
    const decoded = speaker.ready(item), playing = speaker.position(item.id) !== null;
    fillPad(cell, item, {key: letters[i] || '', chosen: chosen.has(item.id), playing, ready: decoded});
    cell.tabIndex = item.id === lead || (lead === null && i === 0) ? 0 : -1;
    ready += decoded;
  });
  root.dataset.ready = ready;
  root.dataset.state = shown.some(item => !item.waiting && speaker.position(item.id) !== null) ? 'playing' : 'stopped';
  markTools();
  if (can.has('pick')) tellPicked();
}

// Tells Python what is chosen, once it stays so.
function tellPicked() {
  const ids = sounds(chosen).map(item => item.id), now = JSON.stringify(ids);
  if (now === picked.told) return;
  picked.told = now;
  clearTimeout(picked.timer);
  picked.timer = setTimeout(() => trigger('picked', {ids}), CALM);
}

// Whether the pad in the place of the chosen one that went is chosen now: after a new name, or after the trash.
function inherits(now, place) {
  return asked || (now.length === before.length && before.every((item, i) => i === place || now[i].id === item.id));
}

function take() {
  const now = items(), slots = now.filter(item => item.waiting).length;
  if (slots && !before.some(item => item.waiting)) first = 0;  // new sounds are on their way: there is where they appear
  const place = before.findIndex(item => item.id === lead);
  if (lead !== null && place >= 0 && indexOf(lead) < 0) {
    const heir = inherits(now, place) ? now[Math.min(place, now.length - 1)] : null;
    lead = heir && !heir.waiting ? heir.id : null;
    chosen = new Set(lead === null ? [] : [lead]);
    told.id = null;
    if (asked && lead !== null) ask(lead);
  }
  chosen = new Set([...chosen].filter(id => indexOf(id) >= 0));
  first = Math.max(0, Math.min(first, per() * Math.floor((now.length - 1) / per())));
  before = now;
  asked = false;
  draw();
  speaker.ahead(screen().filter(each => !each.waiting));
}

// --------------------------------------------------------------------------------------------------- play and choose
function play(i, {event = null, velocity = 1, layered = false} = {}) {
  const item = items()[i];
  if (!item || item.waiting) return;
  speaker.state.front = root;
  lead = item.id;
  if (!layered) chosen = new Set([lead]);
  show(i);
  if (speaker.play({id: item.id, url: item.sound.url, level_db: item.level_db}, {event, velocity, layered})) {
    Object.assign(root.dataset, {played: item.id, latency: (speaker.state.latency || 0).toFixed(1)});
  }
  mark();
  ask(item.id, event && event.type === 'click');
}

// Asks Python for a closer look at a sound, at most once in a while, the last one in any case.
function ask(id, again) {
  clearTimeout(told.timer);
  if (id === told.id && !again) return;
  const wait = Math.max(0, told.at + CALM - performance.now());
  told.timer = setTimeout(() => {
    Object.assign(told, {id, at: performance.now()});
    trigger('chosen', {id});
  }, wait);
}

function show(i) {
  const screenOf = per() * Math.floor(i / per());
  if (screenOf !== first) { first = screenOf; take(); }
  const cell = drawn.get(nameOf(items()[i], i));
  if (!cell) return;
  if (!takesText(document.activeElement)) cell.focus({preventScroll: true});  // a MIDI pad takes no keyboard
  cell.scrollIntoView({block: 'nearest'});
}

function turn(by) {
  const to = Math.max(0, Math.min(first + by * per(), per() * Math.floor((items().length - 1) / per())));
  if (to === first) return;
  first = to;
  if (chosen.size === 1) chosen.clear();  // nothing says of a single one that it is still meant, out of sight
  take();
}

function move(by) {
  const at = indexOf(lead), to = at < 0 ? first : at + by;
  if (items()[to] && !items()[to].waiting) play(to);
}

function star() {
  const of = sounds(chosen), on = of.some(item => !item.starred);
  for (const item of of) if (item.starred !== on) trigger('starred', {id: item.id, on});
}

function rename() {
  const item = items()[indexOf(lead)], cell = item && drawn.get(nameOf(item));
  if (!cell || !cell.classList.contains('pad')) return;
  editTitle(cell, item.title, name => trigger('renamed', {id: item.id, name}));
}

function remove() {
  const ids = sounds(chosen).map(item => item.id);
  asked = ids.length > 0;
  clearTimeout(told.timer);  // nobody wants a closer look at what goes
  if (asked) trigger('removed', {ids});
}

function padAt(event) {
  const pad = event.target.closest('.pad');
  return pad ? indexOf(pad.dataset.id) : -1;
}

root.addEventListener('pointerdown', () => { speaker.state.front = root; });

grid.addEventListener('click', event => {
  const i = padAt(event), item = items()[i];
  if (!item) return;
  if (event.target.closest('button.star')) trigger('starred', {id: item.id, on: !item.starred});
  else if (event.shiftKey && lead !== null) choose(range(indexOf(lead), i));
  else if (event.ctrlKey || event.metaKey || tapping) choose(toggled(item.id));
  else play(i, {event});
});

grid.addEventListener('dblclick', event => {
  if (can.has('rename') && event.target.closest('.title') && padAt(event) >= 0) rename();
});

function range(a, b) {
  return items().slice(Math.min(a, b), Math.max(a, b) + 1).filter(item => !item.waiting).map(item => item.id);
}

function toggled(id) {
  lead = id;
  return chosen.has(id) ? [...chosen].filter(each => each !== id) : [...chosen, id];
}

function severally() {
  tapping = !tapping;
  mark();
}

function choose(ids) {
  chosen = new Set(ids);
  mark();
}

grid.addEventListener('dragstart', event => {
  const item = items()[padAt(event)];
  if (!item) return;
  const carried = chosen.has(item.id) ? sounds(chosen) : [item];
  carry(event.dataTransfer, carried.map(each => each.sound.url), item.sound.url);
});

// --------------------------------------------------------------------------------------------------- keys and notes
// Hidden pads are deaf; of several on a page only those last used hear.
function answers() {
  const other = speaker.state.front;
  return element.offsetParent !== null && (!other || other === root || other.offsetParent === null);
}

function columns() { return getComputedStyle(grid).gridTemplateColumns.split(' ').length; }

const KEYS = {
  ' ': event => play(Math.max(indexOf(lead), first), {event}), l: () => speaker.setLooped(!speaker.state.looped),
  Enter: event => play(indexOf(lead), {event}), PageUp: () => turn(-1), PageDown: () => turn(1),
  ArrowLeft: () => move(-1), ArrowRight: () => move(1), ArrowUp: () => move(-columns()), ArrowDown: () => move(columns()),
  ...can.has('star') && {s: star}, ...can.has('rename') && {F2: rename},
  ...can.has('remove') && {Delete: remove, Backspace: remove},
};

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onKey); return; }
  if (event.defaultPrevented || !answers() || typing(event) || event.altKey) return;
  if ((event.ctrlKey || event.metaKey) && event.key === 'z' && !undo.hidden) {
    event.preventDefault();
    trigger('undone');
    return;
  }
  if (event.ctrlKey || event.metaKey || (event.repeat && !event.key.startsWith('Arrow'))) return;
  const i = padOf(event), act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (i >= 0 ? i >= per() || !items()[first + i] : !act || takenBy(event) || !items().length) return;
  if (event.key.startsWith('Page') && items().length <= per()) return;  // the page scrolls
  event.preventDefault();
  if (i >= 0) play(first + i, {event}); else act(event);
}
document.addEventListener('keydown', onKey);

function onNote(event) {
  if (!element.isConnected) { midi.off('note', onNote); return; }
  const i = (((event.note - FIRST_NOTE) % KEYS_OF_PADS) + KEYS_OF_PADS) % KEYS_OF_PADS;
  if (answers() && i < per()) play(first + i, {event: {timeStamp: event.at}, velocity: event.velocity, layered: true});
}
midi.on('note', onNote);
midi.on('changed', markTools);

function onSpeaker() {
  if (!element.isConnected) { speaker.off(onSpeaker); return; }
  if (element.offsetParent !== null) mark();
}
speaker.on(onSpeaker);
new ResizeObserver(() => {  // as a tab that comes to the front, where others may have chosen meanwhile
  if (grid.offsetParent === null) return;
  picked.told = null;
  mark();
}).observe(root);
padLetters().then(found => { letters = found; mark(); }, () => {});

dropIn(element, root, props.drop_into);
take();
watch('value', take);
