// What the sound table knows: the rows as the server last told them, what of them is shown and chosen, and the edits
// on their way. Edits are asked for one at a time, in the order in which they were made.
const table = {dataset: '', rows: [], byId: new Map(), roles: [], totals: null, stamp: '', there: null, fault: '', about: '',
  groups: [], groupOf: new Map(), looking: false};
const view = {text: '', role: null, only: '', sort: '', down: false, chosen: new Set(), current: null, last: null, shown: []};
const past = [];  // what the rows were before each edit, the latest last
const MOST_PAST = 100, FIELDS = ['text', 'weight', 'enabled'];
let underWay = Promise.resolve(), waiting = 0;

function takeWhole(value) {
  const other = value.dataset !== table.dataset;
  const ids = table.rows.map(row => row.id).join('\n');
  Object.assign(table, {fault: '', totals: null, stamp: '', about: '', roles: [], ...value, rows: value.rows || []});
  table.byId = new Map(table.rows.map(row => [row.id, row]));
  if (other) {
    Object.assign(view, {text: '', role: null, only: '', sort: '', down: false, current: null, last: null});
    view.chosen.clear();
    past.length = 0;
    setGroups([]);
  }
  for (const id of [...view.chosen]) if (!table.byId.has(id)) view.chosen.delete(id);
  if (!table.byId.has(view.current)) view.current = null;
  return {other, changed: other || ids !== table.rows.map(row => row.id).join('\n')};
}

function merge(answer) {
  if (answer.whole) { takeWhole({...table, ...answer}); return; }
  for (const row of answer.rows) Object.assign(table.byId.get(row.id) || {}, row);
  Object.assign(table, {totals: answer.totals, stamp: answer.stamp});
}

function setGroups(groups) {
  table.groups = groups;
  table.groupOf = new Map(groups.flatMap((group, i) => group.map(id => [id, i])));
}

// ------------------------------------------------------------------------------------------------- shown and chosen
const ONLY = {
  near: row => table.groupOf.has(row.id), unused: row => !row.enabled, gone: row => row.gone,
};
const ORDER = {
  text: row => row.text.toLowerCase(), role: row => row.role, weight: row => row.weight, duration: row => row.duration,
  use: row => row.enabled ? 0 : 1,
};

function wanted(row) {
  if (view.role !== null && row.role !== view.role) return false;
  if (view.only && !ONLY[view.only](row)) return false;
  return view.text.toLowerCase().split(/\s+/).every(word => row.text.toLowerCase().includes(word) || row.id.toLowerCase().includes(word));
}

function arrangeRows() {
  const rows = table.rows.filter(wanted), order = ORDER[view.sort];
  if (view.only === 'near') rows.sort((a, b) => table.groupOf.get(a.id) - table.groupOf.get(b.id));
  if (order) {
    const way = view.down ? -1 : 1;
    rows.sort((a, b) => order(a) < order(b) ? -way : order(a) > order(b) ? way : 0);
  }
  view.shown = rows;
}

// What an edit of many applies to: the chosen ones, else all that are shown.
function targets() {
  const chosen = view.shown.filter(row => view.chosen.has(row.id));
  return chosen.length ? chosen : view.shown;
}

// ------------------------------------------------------------------------------------------------------------ edits
function ask(how, asked, {undoable = true, say = () => {}} = {}) {
  const dataset = table.dataset;
  waiting += 1;
  draw();
  underWay = underWay.then(async () => {
    const answer = await server[how]({dataset, stamp: table.stamp, ...asked});
    if (answer.error) throw new Error(answer.error);
    if (dataset !== table.dataset) return;
    if (undoable && answer.before && answer.before.length) past.push(answer.before);
    if (past.length > MOST_PAST) past.shift();
    merge(answer);
    say(answer);
  }).catch(error => {
    trigger('fault', {text: error.message || 'The studio does not answer; is it still running?'});
    trigger('stale');
  }).finally(() => {
    waiting -= 1;
    root.dataset.saved = Number(root.dataset.saved || 0) + 1;
    arrangeRows();
    draw();
  });
  return underWay;
}

// One or a few rows, shown at once and saved behind.
function edit(changes, options) {
  const real = changes.filter(change => {
    const row = table.byId.get(change.id);
    return row && FIELDS.some(name => name in change && change[name] !== row[name]);
  });
  if (!real.length) return;
  for (const change of real) Object.assign(table.byId.get(change.id), change);
  ask('edit', {changes: real}, options);
}

function undo() {
  const before = past.pop();
  if (before) edit(before.filter(row => table.byId.has(row.id)), {undoable: false});
  draw();
}

async function findDuplicates() {
  const dataset = table.dataset;
  if (table.rows.length < 2) { setGroups([]); return; }
  table.looking = true;
  draw();
  const answer = await server.duplicates({dataset}).catch(() => ({}));
  if (dataset !== table.dataset) return;
  table.looking = false;
  setGroups(answer.groups || []);
  root.dataset.groups = table.groups.length;
  arrangeRows();
  draw();
}
