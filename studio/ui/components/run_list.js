// The runs of the workspace, newest first; a click shows one, its signs do something with it.
const root = element.querySelector('.run_list');
const ACTS = {stop: ['stop', 'stop and save'], 'take off': ['away', 'take it off the queue'], resume: ['again', 'go on with it'],
  clone: ['copy', 'put its settings into the form'], trash: ['trash', 'throw it into the trash folder']};
let drawn = '';

function draw() {
  const value = props.value || {runs: []}, as = JSON.stringify(value);
  if (as === drawn) return;
  drawn = as;
  root.dataset.count = value.runs.length;
  if (!value.runs.length && !value.thrown) { root.replaceChildren(); return; }
  const kept = root.querySelector('.rows'), top = kept ? kept.scrollTop : 0;
  const head = make(null, 'div', 'head'), rows = make(null, 'div', 'rows');
  make(head, 'span', '', value.older ? `Runs, the newest ${value.runs.length} of ${value.runs.length + value.older}` : 'Runs');
  if (value.thrown) signButton(head, 'undo', 'bring it back from the trash folder', () => trigger('undone', {}), `Undo: ${value.thrown}`);
  for (const run of value.runs) rows.appendChild(line(run));
  root.replaceChildren(head, rows);
  rows.scrollTop = top;
}

function line(run) {
  const made = make(null, 'div', `run${run.shown ? ' shown' : ''}`);
  Object.assign(made.dataset, {status: run.status, name: run.name});
  const open = make(made, 'button', 'open');
  make(open, 'b', '', run.name).title = run.name;
  make(open, 'span', '', run.said);
  open.addEventListener('click', () => trigger('opened', {name: run.name}));
  for (const act of run.acts) {
    const [name, words] = ACTS[act];
    const button = signButton(made, name, `${words}: ${run.name}`, 
      () => act === 'clone' ? trigger('cloned', {name: run.name}) : trigger('acted', {name: run.name, act}));
    button.dataset.act = act;
  }
  if (typeof run.part === 'number') make(made, 'div', 'bar').style.width = `${100 * run.part}%`;
  return made;
}

draw();
watch('value', draw);
