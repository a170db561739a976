// Above the rows: what the dataset amounts to, what of it is shown, and edits of many captions at once.
const MANY = {
  add: ['add words', 'behind each caption'], front: ['add words in front', 'before each caption'],
  remove: ['take words out', 'wherever they stand'], replace: ['replace words', 'find'], role: ['set the role', ''],
};

function makeTools(parent) {
  const tools = make(parent, 'div', 'tools'), sum = make(tools, 'div', 'sum'), chips = make(tools, 'div', 'chips');
  const bar = make(tools, 'div', 'bar');
  const search = field(bar, 'search', 'Search');
  search.addEventListener('input', () => { view.text = search.value.trim(); again(); });
  const target = make(bar, 'span', 'target'), how = make(bar, 'select', 'how');
  for (const [value, [words]] of Object.entries(MANY)) option(how, value, words);
  const words = field(bar, 'words', ''), others = field(bar, 'others', 'put instead'), role = make(bar, 'select', 'role');
  const apply = button(bar, 'apply', 'Apply', 'edit the captions of the chosen sounds, or of all that are shown', () => {
    const ids = targets().map(row => row.id), asked = how.value === 'role' ? role.value : words.value.trim();
    if (!asked) { words.focus(); return; }
    ask('reword', {ids, how: how.value, words: asked, others: others.value});
  });
  for (const each of [words, others]) each.addEventListener('keydown', event => { if (event.key === 'Enter') apply.click(); });
  how.addEventListener('change', mark);
  const use = button(bar, 'use', 'Use', 'let training use them', () => setUse(true));
  const leave = button(bar, 'leave', 'Leave out', 'keep them in the dataset, but out of training', () => setUse(false));
  const one = button(bar, 'one', 'Use one of each', 'leave all but the first of each group of near-duplicates out', useOneOfEach);
  const forget = button(bar, 'forget', 'Forget them', 'take the lines out whose files are gone', () => ask('forget', {}, {undoable: false}));
  const back = button(bar, 'back', 'Undo', 'take the last edit back (Ctrl+Z)', undo);

  function mark() {
    const [, placeholder] = MANY[how.value];
    words.placeholder = placeholder;
    words.hidden = how.value === 'role';
    role.hidden = how.value !== 'role';
    others.hidden = how.value !== 'replace';
    one.hidden = view.only !== 'near';
    forget.hidden = view.only !== 'gone';
    back.disabled = !past.length;
    const count = targets().length, chosen = view.shown.some(row => view.chosen.has(row.id));
    target.textContent = `${count} ${chosen ? 'chosen' : 'shown'}:`;
    for (const each of [apply, use, leave]) each.disabled = !count;
    if (role.options.length !== table.roles.length) {
      role.replaceChildren();
      for (const each of table.roles) option(role, each, each);
    }
    if (document.activeElement !== search) search.value = view.text;
    sum.textContent = amounts();
    drawChips(chips);
  }
  return mark;
}

function setUse(enabled) { edit(targets().map(row => ({id: row.id, enabled}))); }

function useOneOfEach() {
  edit(table.groups.flatMap(group => group.slice(1).map(id => ({id, enabled: false}))));
}

function amounts() {
  const {totals, about} = table;
  if (!totals) return '';
  const some = totals.used < totals.sounds ? `${totals.sounds} sounds, ${totals.used} in use` : `${totals.sounds} sounds`;
  return [`${some}, ${totals.duration.toFixed(1)} s`, about, waiting ? 'saving …' : ''].filter(Boolean).join('  ·  ');
}

function drawChips(chips) {
  const roles = table.totals ? table.totals.roles : [], made = [];
  const count = only => table.rows.filter(ONLY[only]).length;
  const special = [['near', 'near-duplicates', count('near')], ['unused', 'not in use', count('unused')], ['gone', 'files gone', count('gone')]];
  for (const [only, words, number] of special) {
    if (only === 'near' && table.looking) made.push(make(null, 'span', 'looking', 'looking for near-duplicates …'));
    else if (number || view.only === only) {
      made.push(chip(words, number, only, view.only === only, () => { view.only = view.only === only ? '' : only; again(); }));
    }
  }
  const lost = view.role !== null && !roles.some(([role]) => role === view.role) ? [[view.role, 0]] : [];
  for (const [role, number] of [...roles, ...lost]) {  // one that no sound in use has any more can be taken off still
    made.push(chip(role || 'no role', number, 'role', view.role === role, () => { view.role = view.role === role ? null : role; again(); }));
  }
  const held = chips.contains(document.activeElement) ? document.activeElement.dataset.what : null;
  chips.replaceChildren(...made);
  if (held) made.find(each => each.dataset.what === held)?.focus({preventScroll: true});
}

function chip(words, number, kind, on, act) {
  const made = button(null, `chip ${kind}`, `${words} ${number}`, on ? 'show all again' : 'show only these', act);
  made.dataset.what = `${kind} ${words}`;
  made.classList.toggle('on', on);
  made.setAttribute('aria-pressed', on);
  return made;
}

// ------------------------------------------------------------------------------------------------------- small parts
function field(parent, kind, placeholder) {
  const made = make(parent, 'input', kind);
  Object.assign(made, {type: 'text', placeholder, spellcheck: false, ariaLabel: placeholder || kind});
  return made;
}

function option(select, value, words) {
  const made = make(select, 'option', '', words);
  made.value = value;
}

function button(parent, kind, words, title, act) {
  const made = make(parent, 'button', kind, words);
  made.title = title;
  return onPress(made, act);
}
