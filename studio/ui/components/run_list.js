// The runs of the workspace, newest first; a click shows one, its signs do something with it. What stays the same stays
// the same element: the list changes every second, and a press or the focus must outlast that.
const root = element.querySelector('.run_list');
const ACTS = {stop: ['stop', 'stop and save'], 'take off': ['away', 'take it off the queue'], resume: ['again', 'go on with it'],
  clone: ['copy', 'put its settings into the form'], trash: ['trash', 'throw it into the trash folder']};
const rows = make(null, 'div', 'rows');
let lines = new Map(), head = null;  // what a line is by → its element

function draw() {
  const value = props.value || {runs: []};
  root.dataset.count = value.runs.length;
  if (!value.runs.length && !value.thrown) { root.replaceChildren(); return; }
  const words = value.older ? `Runs, the newest ${value.runs.length} of ${value.runs.length + value.older}` : 'Runs';
  const as = JSON.stringify([words, value.thrown]);
  if (!head || head.dataset.as !== as) head = heading(words, value.thrown, as);
  lines = new Map(value.runs.map(run => {
    const by = JSON.stringify([run.name, run.status, run.acts, run.shown, typeof run.part]);
    return [by, fill(lines.get(by) || line(run), run)];
  }));
  arrange(rows, [...lines.values()]);
  arrange(root, [head, rows]);
}

function heading(words, thrown, as) {
  const made = make(null, 'div', 'head');
  made.dataset.as = as;
  make(made, 'span', '', words);
  if (thrown) signButton(made, 'undo', 'bring it back from the trash folder', () => trigger('undone', {}), `Undo: ${thrown}`);
  return made;
}

function line(run) {
  const made = make(null, 'div', `run${run.shown ? ' shown' : ''}`);
  Object.assign(made.dataset, {status: run.status, name: run.name});
  const open = make(made, 'button', 'open');
  make(open, 'b', '', run.name).title = run.name;
  make(open, 'span', 'said');
  open.addEventListener('click', () => trigger('opened', {name: run.name}));
  for (const act of run.acts) {
    const [name, words] = ACTS[act];
    const button = signButton(made, name, `${words}: ${run.name}`,
      () => act === 'clone' ? trigger('cloned', {name: run.name}) : trigger('acted', {name: run.name, act}));
    button.dataset.act = act;
  }
  if (typeof run.part === 'number') make(made, 'div', 'bar');
  return made;
}

function fill(made, run) {
  made.querySelector('.said').textContent = run.said;
  if (typeof run.part === 'number') made.querySelector('.bar').style.width = `${100 * run.part}%`;
  return made;
}

draw();
watch('value', draw);
