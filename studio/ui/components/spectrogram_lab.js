// Controls from the settings' own metadata; the picture is asked for while a slider moves, one request at a time and
// always with the latest values, so that nothing queues up.
const root = element.querySelector('.spectrogram_lab');
const fields = new Map(props.fields.map(field => [field.name, field]));
const boxes = new Map();  // field name → function that shows a value
let mel = {}, sound = null, asking = false, waiting = false;

function make(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

// ---------------------------------------------------------------------------------------------------- the picture
const stage = make('div', 'stage'), image = make('img', 'picture'), facts = make('div', 'facts'), fault = make('div', 'fault');
const empty = make('div', 'empty', 'Choose a sound on the left: its picture appears here and follows every slider.');
const hear = make('button', 'hear', 'Hear the round trip');
hear.type = 'button';
image.alt = 'spectrogram';
stage.append(empty, image, fault, facts, hear);

function show(answer) {
  fault.textContent = answer.error || '';
  stage.classList.toggle('impossible', Boolean(answer.error));
  if (!answer.error) facts.textContent = answer.facts || '';
  hear.disabled = Boolean(answer.error) || !sound;
}

async function ask() {
  if (!sound) return;
  waiting = true;
  if (asking) return;
  asking = true;
  try {
    while (waiting) {
      waiting = false;
      const answer = await server.preview({sound, mel});
      if (answer.image) {
        const next = new Image();
        next.src = answer.image;
        await next.decode();
        image.src = next.src;
      }
      show(answer);
      root.dataset.pictures = Number(root.dataset.pictures || 0) + 1;
    }
  } catch (error) {
    show({error: 'The picture could not be made; is the studio still running?'});
  } finally { asking = false; }
}

hear.addEventListener('click', () => trigger('hear', {sound, mel}));

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

function set(name, value) {
  mel = {...mel, [name]: value};
  boxes.get(name)(value);
  ask();
}

function slider(field) {
  const [position, valueAt] = spread(field), row = make('div', 'pair');
  const bar = make('input'), number = make('input');
  Object.assign(bar, {type: 'range', min: 0, max: 1000, step: 'any'});
  Object.assign(number, {type: 'number', min: field.low, max: field.high, step: 'any'});
  bar.dataset.field = number.dataset.field = field.name;
  bar.setAttribute('aria-label', field.label);
  number.setAttribute('aria-label', field.label);
  bar.addEventListener('input', () => set(field.name, rounded(field, valueAt(Number(bar.value)))));
  number.addEventListener('input', () => { if (number.value !== '') set(field.name, Number(number.value)); });
  row.append(bar, number);
  boxes.set(field.name, value => {
    if (document.activeElement !== bar) bar.value = position(value);
    if (document.activeElement !== number) number.value = value;
  });
  return row;
}

function choice(field) {
  const select = make('select');
  select.dataset.field = field.name;
  select.setAttribute('aria-label', field.label);
  for (const each of field.choices) select.append(new Option(each, each));
  select.addEventListener('change', () => set(field.name, select.value));
  boxes.set(field.name, value => { select.value = value; });
  return select;
}

function tick(field) {
  const box = make('input');
  box.type = 'checkbox';
  box.dataset.field = field.name;
  box.setAttribute('aria-label', field.label);
  box.addEventListener('change', () => set(field.name, box.checked));
  boxes.set(field.name, value => { box.checked = value; });
  return box;
}

function control(field) {
  const row = make('div', 'field');
  const name = make('div', 'name', field.label);
  row.title = field.help || '';
  row.append(name, field.type === 'bool' ? tick(field) : field.choices && field.choices.length ? choice(field) : slider(field));
  return row;
}

const controls = make('div', 'controls');
props.groups.forEach(([title, names], i) => {
  const group = make('details', 'group');
  group.open = i < 2;
  group.append(make('summary', '', title), ...names.map(name => control(fields.get(name))));
  controls.append(group);
});

root.append(stage, controls);

// ---------------------------------------------------------------------------------------------- what Python puts in
function take() {
  const value = props.value || {};
  if (!value.keep) sound = value.sound || null;
  mel = {...mel, ...(value.mel || {})};
  for (const [name, show] of boxes) if (name in mel) show(mel[name]);
  stage.classList.toggle('silent', !sound);
  show({facts: value.name || facts.textContent});
  if (value.image) image.src = value.image;
  else ask();
}
take();
watch('value', take);
