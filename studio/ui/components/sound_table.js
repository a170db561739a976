// The sounds of a dataset. Whatever a user has written goes into the page by textContent or as an input's value.
const root = element.querySelector('.sound_table');
const ROW = 40, MARGIN = 18;  // pixels of a row, and below the last one
const BEYOND = 8, LEAST = 7;  // rows kept ready above and below what is in sight; rows that are always in sight
const mark = makeTools(root);
const grid = make(root, 'div', 'grid'), head = make(grid, 'div', 'head'), body = make(grid, 'div', 'body');
const room = make(body, 'div', 'room'), empty = make(root, 'div', 'empty');
const lines = new Map();  // id → the parts of its row

// -------------------------------------------------------------------------------------------------------- the heading
const all = make(head, 'input', 'pick');
Object.assign(all, {type: 'checkbox', title: 'choose all that are shown'});
all.addEventListener('change', () => {
  for (const row of view.shown) if (all.checked) view.chosen.add(row.id); else view.chosen.delete(row.id);
  draw();
});
make(head, 'span', 'thumb');
const HEADINGS = {text: 'caption', role: 'role', duration: 'length', weight: 'weight', use: 'use'};
const headings = Object.fromEntries(Object.entries(HEADINGS).map(([key, words]) => [key,
  button(head, key, words, `sort by ${words}`, () => {
    if (view.sort === key && view.down) Object.assign(view, {sort: '', down: false});
    else Object.assign(view, {down: view.sort === key, sort: key});
    again();
  })]));

// ---------------------------------------------------------------------------------------------------------- the rows
function inSight() {
  const first = Math.floor(body.scrollTop / ROW), count = Math.ceil(body.clientHeight / ROW) + 1;
  return view.shown.slice(first, first + count);
}

function paint() {
  const first = Math.max(0, Math.floor(body.scrollTop / ROW) - BEYOND);
  const last = Math.min(view.shown.length, Math.ceil((body.scrollTop + body.clientHeight) / ROW) + BEYOND);
  const wantedNow = new Set(view.shown.slice(first, last).map(row => row.id));
  for (const [id, parts] of lines) {
    if (wantedNow.has(id) || parts.line.contains(document.activeElement) && table.byId.has(id)) continue;
    lines.delete(id);
    parts.line.remove();
  }
  view.shown.slice(first, last).forEach((row, i) => {
    if (!lines.has(row.id)) {
      lines.set(row.id, makeRow(row.id));
      room.appendChild(lines.get(row.id).line);
    }
    const parts = lines.get(row.id);
    parts.line.style.top = `${(first + i) * ROW}px`;
    fillRow(parts, row);
  });
}

// To the lower edge of the window, so that the rows scroll and the page does not; a small window scrolls both.
function fit() {
  if (element.offsetParent === null || !table.rows.length) return;
  const above = body.getBoundingClientRect().top + window.scrollY;
  body.style.height = innerWidth > 560 ? `${Math.max(LEAST * ROW, innerHeight - above - MARGIN)}px` : '';
}

function draw() {
  const none = !table.rows.length;
  root.classList.toggle('nothing', none);
  room.style.height = `${view.shown.length * ROW}px`;
  empty.textContent = none ? emptyWords() : view.shown.length ? '' : 'No sound is like that. Take a filter off to see the others.';
  all.checked = view.shown.length > 0 && view.shown.every(row => view.chosen.has(row.id));
  for (const [key, made] of Object.entries(headings)) {
    made.textContent = HEADINGS[key] + (view.sort === key ? view.down ? ' ↓' : ' ↑' : '');
  }
  mark();
  fit();
  paint();
  Object.assign(root.dataset, {dataset: table.dataset, rows: table.rows.length, shown: view.shown.length});
  fetchImages(inSight, paint);
}

function emptyWords() {
  if (table.fault) return table.fault;
  if (table.there === null) return '';
  return 'No sounds here yet. Drop some on the left, or give a folder, and press Prepare; or load the demo kit. '
    + 'A long recording becomes one-shots under “Slice a recording”.';
}

function again() {
  arrangeRows();
  body.scrollTop = 0;
  draw();
}

// ------------------------------------------------------------------------------------------------- hearing and choosing
function look(id, {play = false, event = null} = {}) {
  const row = table.byId.get(id);
  if (!row) return;
  view.current = id;
  const group = table.groupOf.get(id);
  tell('look', {row, play, event, near: group === undefined ? [] : table.groups[group].filter(each => each !== id)
    .map(each => ({id: each, text: (table.byId.get(each) || {}).text || each}))});
  ahead(id);
  paint();
}

function ahead(id) {
  const at = view.shown.findIndex(row => row.id === id);
  tell('ahead', {ids: view.shown.slice(Math.max(0, at - 1), at + 3).map(row => row.id)});
}

function tell(what, detail) {
  document.dispatchEvent(new CustomEvent(`dataset:${what}`, {detail: {dataset: table.dataset, ...detail}}));
}

function move(by, event) {
  const at = view.shown.findIndex(row => row.id === view.current);
  const next = view.shown[Math.max(0, Math.min(view.shown.length - 1, at < 0 ? 0 : at + by))];
  if (!next) return;
  reach(next.id);
  look(next.id, {play: true, event});
}

function reach(id) {
  const top = view.shown.findIndex(row => row.id === id) * ROW;
  if (top < body.scrollTop) body.scrollTop = top;
  if (top + ROW > body.scrollTop + body.clientHeight) body.scrollTop = top + ROW - body.clientHeight;
  paint();
}

function pick(id, {upTo = false} = {}) {
  const ids = view.shown.map(row => row.id), from = ids.indexOf(view.last), to = ids.indexOf(id);
  if (upTo && from >= 0) for (const each of ids.slice(Math.min(from, to), Math.max(from, to) + 1)) view.chosen.add(each);
  else if (view.chosen.has(id)) view.chosen.delete(id);
  else view.chosen.add(id);
  view.last = id;
  draw();
}

room.addEventListener('click', event => {
  const line = event.target.closest('.sound'), id = line && line.dataset.id, at = event.target;
  if (!id) return;
  if (at.matches('.pick')) pick(id, {upTo: event.shiftKey});
  else if (at.matches('.use')) edit([{id, enabled: at.checked}]);
  else if (at.matches('input')) look(id);
  else if (event.ctrlKey || event.metaKey || event.shiftKey) pick(id, {upTo: event.shiftKey});
  else look(id, {play: true, event});
  if (at.matches('[type=checkbox], button, button *')) document.activeElement.blur();
});
room.addEventListener('pointerover', event => {
  const line = event.target.closest('.sound');
  if (line && event.target.closest('.thumb')) ahead(line.dataset.id);
});

// ------------------------------------------------------------------------------------------------------------ writing
room.addEventListener('change', event => {
  const line = event.target.closest('.sound'), id = line && line.dataset.id;
  if (event.target.matches('.text')) edit([{id, text: event.target.value.trim()}]);
  if (!event.target.matches('.weight')) return;
  if (event.target.value === '') event.target.value = table.byId.get(id).weight;  // no number is not 0, which is never
  else edit([{id, weight: Number(event.target.value)}]);
});

room.addEventListener('keydown', event => {
  if (!event.target.matches('.text, .weight')) return;
  const kind = event.target.matches('.text') ? 'text' : 'weight', id = event.target.closest('.sound').dataset.id;
  if (event.key === 'Escape') {
    event.target.value = table.byId.get(id)[kind];
    event.target.blur();
  }
  if (event.key !== 'Enter') return;
  event.target.blur();  // which saves it
  const next = view.shown[view.shown.findIndex(row => row.id === id) + (event.shiftKey ? -1 : 1)];
  if (!next) return;
  reach(next.id);
  lines.get(next.id)[kind].focus();
  lines.get(next.id)[kind].select();
  if (kind === 'text') look(next.id, {play: true, event});
});

const KEYS = {
  ArrowDown: event => move(1, event), ArrowUp: event => move(-1, event),
  ' ': event => speaker.position(soundId(view.current)) !== null ? speaker.stop() : look(view.current, {play: true, event}),
  Enter: () => { if (lines.has(view.current)) { lines.get(view.current).text.focus(); lines.get(view.current).text.select(); } },
  x: () => { if (view.current) pick(view.current); },
  u: () => { const row = table.byId.get(view.current); if (row) edit([{id: row.id, enabled: !row.enabled}]); },
};

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onKey); return; }
  if (element.offsetParent === null || event.defaultPrevented || typing(event) || takenBy(event) || event.altKey) return;
  if ((event.ctrlKey || event.metaKey) && event.key === 'z' && past.length) { event.preventDefault(); undo(); return; }
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || !table.rows.length || event.repeat && !event.key.startsWith('Arrow')) return;
  event.preventDefault();
  act(event);
}
document.addEventListener('keydown', onKey);

// ------------------------------------------------------------------------------------------------ what comes from afar
function onNear(event) {
  if (!element.isConnected) { document.removeEventListener('dataset:near', onNear); return; }
  if (!view.shown.some(row => row.id === event.detail.id)) { Object.assign(view, {text: '', role: null, only: ''}); again(); }
  reach(event.detail.id);
  look(event.detail.id, {play: true});
}
document.addEventListener('dataset:near', onNear);

function onSpeaker() {
  if (!element.isConnected) { speaker.off(onSpeaker); return; }
  if (element.offsetParent !== null) paint();
}
speaker.on(onSpeaker);

function take() {
  const {other, changed} = takeWhole(props.value || {});
  if (other) { images.clear(); body.scrollTop = 0; }
  if (changed) findDuplicates();
  for (const [id, image] of images) if (!image) images.delete(id);  // perhaps it is there by now
  arrangeRows();
  draw();
  if (!view.current) tell('look', {row: null, near: []});
}

body.addEventListener('scroll', () => { paint(); fetchImages(inSight, paint); });
new ResizeObserver(() => { paint(); fetchImages(inSight, paint); }).observe(body);
new ResizeObserver(fit).observe(document.body);
take();
watch('value', take);
