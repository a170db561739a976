// Controls from the settings' own metadata. What they say goes to the page as an event: the picture listens.
const root = element.querySelector('.mel_controls');
const LENGTHS = ['hop_length', 'n_frames', 'sample_rate', 'pad'];  // moving one of these sets the length by itself
const boxes = new Map();  // field name → function that shows a value
let mel = {}, duration = null, serial = 0;

function tell() {
  root.dataset.serial = serial + 1;
  document.dispatchEvent(new CustomEvent('lab:mel', {detail: {mel, duration, serial: ++serial}}));
}

function set(name, value) {
  if (name === 'duration') duration = value;
  else {
    mel = {...mel, [name]: value};
    if (LENGTHS.includes(name)) duration = null;
  }
  boxes.get(name)(value);
  tell();
}

function show(values) {
  for (const [name, box] of boxes) if (name in values) box(values[name]);
}

// ---------------------------------------------------------------------------------------------------- the controls
// A slider has 1000 positions; wide ranges are spread by ratio, so that small values are to be hit as well.
function spread(field) {
  const {low, high} = field;
  if (low > 0 && high / low > 30) {
    return [value => 1000 * Math.log(value / low) / Math.log(high / low), at => low * (high / low) ** (at / 1000)];
  }
  if (low === 0 && high > 1000) return [value => 1000 * Math.cbrt(value / high), at => high * (at / 1000) ** 3];
  return [value => 1000 * (value - low) / (high - low), at => low + (high - low) * at / 1000];
}

function rounded(field, value) {
  const onGrid = field.low + Math.round((value - field.low) / field.step) * field.step;
  return Number(Math.min(field.high, Math.max(field.low, onGrid)).toFixed(6));
}

function input(field, kind, options = {}) {
  const made = Object.assign(make(null, 'input', kind || ''), options);
  made.dataset.field = field.name;
  made.setAttribute('aria-label', field.label);
  return made;
}

function slider(field) {
  const [position, valueAt] = spread(field), row = make(null, 'div', 'pair');
  const bar = input(field, '', {type: 'range', min: 0, max: 1000, step: 'any'});
  const number = input(field, '', {type: 'number', min: field.low, max: field.high, step: 'any'});
  bar.addEventListener('input', () => set(field.name, rounded(field, valueAt(Number(bar.value)))));
  number.addEventListener('input', () => { if (number.value !== '') set(field.name, Number(number.value)); });
  row.append(bar, number);
  boxes.set(field.name, value => {
    if (document.activeElement !== bar) bar.value = position(value);
    if (document.activeElement !== number) number.value = Number(Number(value).toFixed(3));
  });
  return row;
}

function choice(field) {
  const select = make(null, 'select', '');
  select.dataset.field = field.name;
  select.setAttribute('aria-label', field.label);
  for (const each of field.choices) select.append(new Option(each, each));
  select.addEventListener('change', () => set(field.name, select.value));
  boxes.set(field.name, value => { select.value = value; });
  return select;
}

function tick(field) {
  const box = input(field, '', {type: 'checkbox'});
  box.addEventListener('change', () => set(field.name, box.checked));
  boxes.set(field.name, value => { box.checked = value; });
  return box;
}

function control(field) {
  const row = make(null, 'div', 'field');
  row.append(make(null, 'div', 'name', field.label),
    field.type === 'bool' ? tick(field) : field.choices && field.choices.length ? choice(field) : slider(field),
    make(null, 'div', 'help', field.help));
  return row;
}

function group(title, fields) {
  const made = make(null, 'section', 'group'), folded = fields.filter(field => field.advanced);
  made.append(make(null, 'h3', 'heading', title), ...fields.filter(field => !field.advanced).map(control));
  if (folded.length) {
    const more = make(null, 'details', 'more');
    more.append(make(null, 'summary', '', folded.map(field => field.label).join(', ')), ...folded.map(control));
    made.append(more);
  }
  return made;
}

// ------------------------------------------------------------------------------------------------- save as preset
function saving() {
  const made = make(null, 'details', 'group saving'), save = make(null, 'button', 'save', 'Save');
  const name = Object.assign(make(null, 'input', ''), {type: 'text', placeholder: 'name', maxLength: 80});
  const about = Object.assign(make(null, 'input', ''), {type: 'text', placeholder: 'a sentence: what it is for', maxLength: 200});
  save.type = 'button';
  name.dataset.preset = 'name';
  about.dataset.preset = 'about';
  for (const each of [name, about]) each.setAttribute('aria-label', `preset ${each.dataset.preset}`);
  save.addEventListener('click', () => trigger('save', {mel, name: name.value, about: about.value}));
  made.append(make(null, 'summary', 'heading', 'Save as preset'), name, about, save);
  return made;
}

const groups = new Map();
for (const field of props.fields) groups.set(field.group, [...(groups.get(field.group) || []), field]);
root.append(saving(), ...[...groups].map(([title, fields]) => group(title, fields)));

// ---------------------------------------------------------------------------------------- what comes from elsewhere
function settled(event) {
  if (!element.isConnected) { document.removeEventListener('lab:settled', settled); return; }
  const {detail} = event;
  if (detail.serial !== serial) return;  // the user has moved on
  mel = {...detail.mel};
  duration = null;
  show({...mel, duration: detail.duration});
}
document.addEventListener('lab:settled', settled);

function take() {
  const value = props.value || {};
  mel = {...mel, ...(value.mel || {})};
  duration = null;
  show({...mel, ...('duration' in value ? {duration: value.duration} : {})});
  if (!value.told) tell();
}
take();
watch('value', take);
