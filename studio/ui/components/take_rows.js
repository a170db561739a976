// A list of sounds, a line each. It plays through the page's loudspeaker and has the keys of the pads; the truth is
// Python's: the page only asks, and shows what comes back.
const root = element.querySelector('.take_rows');
const CALM = 150;  // ms: arrows that run through the list ask for one closer look, not for forty
const COLUMNS = ['', '', 'name', 'measured', 'role', 'LoRA', 'length', 'made'];
let tapping = false;  // whether a tap chooses one more instead of playing: fingers have no Ctrl
let chosen = new Set(), lead = null, picked = '[]', asked = false, before = [];
const told = {id: null, at: 0, look: 0, pick: 0};

const tools = make(root, 'div', 'tools'), table = make(root, 'div', 'table'), hint = make(root, 'div', 'nothing', props.hint || '');
const head = make(table, 'div', 'line head'), body = make(table, 'div', 'body');
for (const column of COLUMNS) make(head, 'span', column || 'blank', column).setAttribute('role', 'columnheader');
head.setAttribute('role', 'row');
table.setAttribute('role', 'grid');
table.setAttribute('aria-label', 'sounds');
table.setAttribute('aria-multiselectable', 'true');

function items() { return props.value && Array.isArray(props.value.lines) ? props.value.lines : []; }
function indexOf(id) { return items().findIndex(item => item.id === id); }
function sounds() { return items().filter(item => chosen.has(item.id)); }

// --------------------------------------------------------------------------------------------------------- the tools
const loop = (signButton(tools, 'stop', 'stop (Escape)', () => speaker.stop()), signButton(tools, 'loop', 'loop (L)', () => speaker.setLooped(!speaker.state.looped)));
const level = signButton(tools, 'level', '', () => speaker.setMatched(!speaker.state.matched));
const acts = make(tools, 'div', 'acts');
signButton(acts, 'star', 'star (S)', star);
signButton(acts, 'name', 'rename (F2)', rename);
signButton(acts, 'trash', 'to the trash (Delete)', remove);
const several = signButton(tools, 'several', 'choose several by tapping them', severally);
const undo = signButton(tools, 'undo', 'take it out of the trash again (Ctrl+Z)', () => trigger('undone'), 'Undo');
const said = make(tools, 'span', 'said');

// ------------------------------------------------------------------------------------------------------- what is seen
function makeLine() {
  const line = make(null, 'div', 'line take');
  Object.assign(line, {tabIndex: -1, draggable: true});
  line.setAttribute('role', 'row');
  const image = make(line, 'img', 'picture');
  Object.assign(image, {alt: '', draggable: false});
  signButton(line, 'star', 'star (S)', () => {}).tabIndex = -1;
  const name = make(line, 'span', 'name');
  make(name, 'span', 'title');
  make(name, 'span', 'remark');
  for (const kind of ['words', 'role', 'loras', 'length', 'made']) make(line, 'span', kind);
  for (const cell of line.querySelectorAll(':scope > span')) cell.setAttribute('role', 'gridcell');
  return line;
}

function when(seconds) {
  const date = new Date(1000 * seconds), now = new Date();
  if (date.toDateString() === now.toDateString()) return date.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'});
  return date.toLocaleDateString([], {day: 'numeric', month: 'short', ...date.getFullYear() !== now.getFullYear() && {year: 'numeric'}});
}

function fill(line, item) {
  const image = line.querySelector('.picture'), editing = line.querySelector('.title input');
  image.style.visibility = item.image ? 'visible' : 'hidden';
  if (item.image && image.getAttribute('src') !== item.image) image.src = item.image;
  line.dataset.id = item.id;
  line.title = item.sound ? `${item.title}\n${item.id}\ndrag it out to take the file with you` : `${item.id} cannot be read any more; throw it away`;
  if (!editing) setText(line.querySelector('.title'), item.title);
  const texts = {remark: item.note, words: item.words, role: item.role, loras: item.loras, made: when(item.made),
                 length: item.duration ? `${item.duration.toFixed(2)} s` : ''};
  for (const [kind, text] of Object.entries(texts)) setText(line.querySelector(`.${kind}`), text);
  line.querySelector('.star').setAttribute('aria-pressed', item.starred);
  line.classList.toggle('starred', item.starred);
  line.classList.toggle('lost', !item.sound);
}

function mark() {
  let ready = 0;
  items().forEach((item, i) => {
    const line = body.children[i], mine = chosen.has(item.id);
    if (!line || line.dataset.id !== item.id) return;
    line.classList.toggle('chosen', mine);
    line.classList.toggle('playing', speaker.position(item.id) !== null);
    line.setAttribute('aria-selected', mine);
    line.tabIndex = item.id === lead || (lead === null && i === 0) ? 0 : -1;
    ready += Boolean(item.sound && speaker.ready(item));
  });
  root.dataset.ready = ready;
  root.dataset.state = items().some(item => speaker.position(item.id) !== null) ? 'playing' : 'stopped';
  const thrown = (props.value || {}).thrown || 0;
  loop.classList.toggle('on', speaker.state.looped);
  level.classList.toggle('on', speaker.state.matched);
  level.title = speaker.state.matched ? 'all are equally loud; click to hear them as they are' : 'as loud as they are; click to match them';
  acts.hidden = !chosen.size;
  undo.hidden = !thrown;
  several.classList.toggle('on', tapping);
  setText(said, chosen.size > 1 ? `${chosen.size} chosen` : thrown ? `${thrown} in the trash` : '');
  tellPicked();
}

function take() {
  const now = items(), held = root.contains(document.activeElement) && !takesText(document.activeElement);
  const place = before.findIndex(item => item.id === lead);
  if (lead !== null && indexOf(lead) < 0) {  // renamed or thrown away: the line in its place is meant now
    const same = now.length === before.length && before.every((item, i) => i === place || now[i].id === item.id);
    const heir = place >= 0 && (asked || same) ? now[Math.min(place, now.length - 1)] : null;
    lead = heir ? heir.id : null;
    chosen = new Set(heir ? [lead] : []);
    told.id = null;
  }
  chosen = new Set([...chosen].filter(id => indexOf(id) >= 0));
  before = now;
  asked = false;
  while (body.children.length > now.length) body.lastChild.remove();
  while (body.children.length < now.length) body.appendChild(makeLine());
  now.forEach((item, i) => fill(body.children[i], item));
  if (held && lead !== null) body.children[indexOf(lead)].focus({preventScroll: true});
  hint.hidden = now.length > 0;
  table.hidden = !now.length;
  mark();
  speaker.ahead(now.filter(item => item.sound));
}

// Tells Python what is chosen, once it stays so.
function tellPicked() {
  const ids = items().filter(item => chosen.has(item.id)).map(item => item.id), now = JSON.stringify(ids);
  if (now === picked) return;
  picked = now;
  clearTimeout(told.pick);
  told.pick = setTimeout(() => trigger('picked', {ids}), CALM);
}

// --------------------------------------------------------------------------------------------------- play and choose
function play(i, event = null) {
  const item = items()[i];
  if (!item) return;
  speaker.state.front = root;
  lead = item.id;
  chosen = new Set([lead]);
  body.children[i].focus({preventScroll: true});
  body.children[i].scrollIntoView({block: 'nearest'});
  if (item.sound) {
    speaker.play({id: item.id, url: item.sound.url, level_db: item.level_db}, {event});
    root.dataset.played = item.id;
  }
  mark();
  ask(item.id, event && event.type === 'click');
}

// Asks for a closer look at a sound, at most once in a while, the last one in any case.
function ask(id, again) {
  clearTimeout(told.look);
  if (id === told.id && !again) return;
  told.look = setTimeout(() => {
    Object.assign(told, {id, at: performance.now()});
    trigger('chosen', {id});
  }, Math.max(0, told.at + CALM - performance.now()));
}

function move(by) {
  const at = indexOf(lead), to = at < 0 ? 0 : Math.max(0, Math.min(items().length - 1, at + by));
  if (to !== at) play(to);
}

function severally() {
  tapping = !tapping;
  mark();
}

function choose(ids) {
  chosen = new Set(ids);
  mark();
}

function star() {
  const of = sounds(), on = of.some(item => !item.starred);
  for (const item of of) if (item.starred !== on) trigger('starred', {id: item.id, on});
}

function rename() {
  const i = indexOf(lead), item = items()[i];
  if (item) editTitle(body.children[i], item.title, name => trigger('renamed', {id: item.id, name}));
}

function remove() {
  const ids = sounds().map(item => item.id);
  asked = ids.length > 0;
  if (asked) trigger('removed', {ids});
}

function lineAt(event) {
  const line = event.target.closest('.take');
  return line ? indexOf(line.dataset.id) : -1;
}

root.addEventListener('pointerdown', () => { speaker.state.front = root; });

body.addEventListener('click', event => {
  const i = lineAt(event), item = items()[i];
  if (!item) return;
  if (event.target.closest('button.star')) trigger('starred', {id: item.id, on: !item.starred});
  else if (event.shiftKey && lead !== null) {
    const [low, high] = [indexOf(lead), i].sort((a, b) => a - b);
    choose(items().slice(low, high + 1).map(each => each.id));
  } else if (event.ctrlKey || event.metaKey || tapping) {
    lead = item.id;
    choose(chosen.has(lead) ? [...chosen].filter(id => id !== lead) : [...chosen, lead]);
  } else play(i, event);
});

body.addEventListener('dblclick', event => {
  if (event.target.closest('.title') && lineAt(event) >= 0) rename();
});

body.addEventListener('dragstart', event => {
  const item = items()[lineAt(event)];
  if (!item || !item.sound) return;
  const carried = chosen.has(item.id) ? sounds().filter(each => each.sound) : [item];
  carry(event.dataTransfer, carried.map(each => each.sound.url), item.sound.url);
});

// --------------------------------------------------------------------------------------------------------- the keys
// A hidden list is deaf; of several players on a page only the one last used hears.
function answers() {
  const other = speaker.state.front;
  return element.offsetParent !== null && (!other || other === root || other.offsetParent === null);
}

const KEYS = {
  ' ': event => play(Math.max(0, indexOf(lead)), event), Enter: event => play(indexOf(lead), event),
  l: () => speaker.setLooped(!speaker.state.looped), s: star, F2: rename, Delete: remove, Backspace: remove,
  ArrowUp: () => move(-1), ArrowDown: () => move(1), Home: () => play(0), End: () => play(items().length - 1),
};

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onKey); return; }
  if (event.defaultPrevented || !answers() || typing(event) || event.altKey || !items().length && !event.ctrlKey) return;
  const control = event.ctrlKey || event.metaKey;
  let act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (control && event.key === 'z' && !undo.hidden) act = () => trigger('undone');
  else if (control && event.key === 'a' && root.contains(document.activeElement)) act = () => choose(items().map(item => item.id));
  else if (control || (event.repeat && !event.key.startsWith('Arrow')) || takenBy(event)) return;
  if (!act) return;
  event.preventDefault();
  act(event);
}
document.addEventListener('keydown', onKey);

function onSpeaker() {
  if (!element.isConnected) { speaker.off(onSpeaker); return; }
  if (element.offsetParent !== null) mark();
}
speaker.on(onSpeaker);
new ResizeObserver(() => {  // as a tab that comes to the front, where others may have chosen meanwhile
  if (body.offsetParent === null) return;
  picked = null;
  mark();
}).observe(root);

dropIn(element, root, props.drop_into);
take();
watch('value', take);
