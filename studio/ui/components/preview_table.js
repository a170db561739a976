// Previews beside each other: fetched when they are first wanted, played by the page's one loudspeaker.
const root = element.querySelector('.preview_table');
const hint = make(root, 'div', 'hint'), scroll = make(root, 'div', 'scroll'), says = make(root, 'div', 'says');
const table = make(scroll, 'table', '');
const addresses = new Map();  // "run step row" → the promise of {url, level_db}
const KEPT = 200;
let drawn = '';

function idOf(step, row) { return `preview ${props.value.run} ${step} ${row}`; }

function sound(step, row) {
  const id = idOf(step, row), run = props.value.run;
  if (!addresses.has(id)) {
    const asked = server.preview_sound({run, step, row}).then(answer => {
      if (answer.error) throw new Error(answer.error);
      return {url: wavAddress(answer.wav), level_db: answer.level_db};
    });
    asked.catch(() => addresses.delete(id));
    addresses.set(id, asked);
    [...addresses.keys()].slice(0, Math.max(0, addresses.size - KEPT)).forEach(forget);
  }
  return addresses.get(id);
}

function forget(id) {
  addresses.get(id).then(({url}) => URL.revokeObjectURL(url), () => {});
  addresses.delete(id);
}

async function play(cell, event) {
  const step = Number(cell.dataset.step), row = Number(cell.dataset.row), id = idOf(step, row);
  if (speaker.position(id) !== null) { speaker.stop(); return; }
  root.dataset.wanted = id;
  try {
    const found = await sound(step, row);
    if (root.dataset.wanted === id) speaker.play({id, ...found}, {event});
  } catch (error) {
    says.textContent = error.message || 'The studio does not answer; is it still running?';
  }
}

function cells() { return [...table.querySelectorAll('.cell')]; }

function draw() {
  const value = props.value || {prompts: [], columns: []}, columns = value.columns || [];
  const as = JSON.stringify(value);
  if (as === drawn) return;
  drawn = as;
  const empty = !columns.length, atEnd = scroll.scrollLeft + scroll.clientWidth >= scroll.scrollWidth - 8;
  if (empty) [...addresses.keys()].forEach(forget);  // a run that begins anew may have the name of one that is gone
  hint.hidden = !empty;
  hint.textContent = value.hint || '';
  scroll.hidden = says.hidden = empty;
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.id : null;
  const head = make(null, 'tr', '');
  make(head, 'th', 'prompt', '');
  for (const column of columns) {
    const at = make(head, 'th', `step${column.best ? ' best' : ''}`, column.step ? `step ${column.step}` : 'base alone');
    if (column.best) make(at, 'span', 'star', ' ★').title = 'the best so far';
    if (typeof column.distance_db === 'number') make(at, 'small', '', `${column.distance_db.toFixed(1)} dB away`);
  }
  const rows = (value.prompts || []).map((prompt, row) => {
    const line = make(null, 'tr', '');
    make(line, 'th', 'prompt', prompt);
    for (const column of columns) {
      const place = make(line, 'td', column.best ? 'best' : '');
      const cell = make(place, 'button', 'cell');
      Object.assign(cell.dataset, {step: column.step, row, id: idOf(column.step, row)});
      cell.title = `${prompt}, ${column.step ? `step ${column.step}` : 'the base alone'}: click to play`;
      cell.setAttribute('aria-label', cell.title);
      if (column.images[row]) { const image = make(cell, 'img', ''); image.src = column.images[row]; image.alt = ''; image.draggable = false; }
      else cell.disabled = !(row in column.images);
    }
    return line;
  });
  table.replaceChildren(head, ...rows);
  says.textContent = 'Same words, same seeds at every step. “dB away”: from the nearest sounds of your kit.';
  Object.assign(root.dataset, {columns: columns.length, rows: rows.length});
  if (focused) cells().find(cell => cell.dataset.id === focused)?.focus();
  fit();
  if (atEnd) scroll.scrollLeft = scroll.scrollWidth;
  follow();
}

// Pictures as large as the columns leave room for.
function fit() {
  const columns = Number(root.dataset.columns), words = root.clientWidth < 500 ? 100 : 160;
  if (columns) root.style.setProperty('--cell', `${Math.max(56, Math.min(112, (root.clientWidth - words) / columns - 6))}px`);
}

function follow() {
  let playing = '';
  for (const cell of cells()) {
    const on = speaker.position(cell.dataset.id) !== null;
    cell.classList.toggle('on', on);
    if (on) playing = cell.dataset.id;
  }
  root.dataset.playing = playing;
  if (playing) root.dataset.played = playing;
}

const MOVES = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
element.addEventListener('click', event => {
  const cell = event.target.closest('.cell');
  if (cell && !cell.disabled) play(cell, event);
});
element.addEventListener('keydown', event => {
  const cell = event.target.closest('.cell'), move = MOVES[event.key];
  if (!cell || !move) return;
  event.preventDefault();
  event.stopPropagation();
  const steps = props.value.columns.map(column => column.step);
  const column = steps.indexOf(Number(cell.dataset.step)) + move[1], row = Number(cell.dataset.row) + move[0];
  const next = cells().find(each => each.dataset.id === idOf(steps[column], row));
  if (next && !next.disabled) { next.focus(); play(next, event); }
});

function onSpeaker() {
  if (!element.isConnected) { speaker.off(onSpeaker); return; }
  if (element.offsetParent !== null) follow();
}
speaker.on(onSpeaker);
draw();
watch('value', draw);
new ResizeObserver(fit).observe(root);
