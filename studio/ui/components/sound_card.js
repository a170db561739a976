// One sound of a dataset before and after it was trimmed, seen as levels over time, heard in three parts.
const root = element.querySelector('.sound_card');
const PARTS = {sound: ['kept', 'what is in the dataset'], original: ['before', 'the file that it came from'],
  cut_off: ['what was cut', 'all that trimming and the picture left out']};
const FLOOR_DB = -80, KEPT = 240;
const addresses = new Map();  // dataset, id and part → the promise of a WAV's address
let shown = null, facts = null;

const nothing = make(root, 'div', 'nothing', 'Choose a sound to see and hear what was kept of it.');
const look = make(root, 'div', 'look'), title = make(look, 'div', 'title');
const plays = make(look, 'div', 'plays');
const buttons = Object.fromEntries(Object.entries(PARTS).map(([part, [words, about]]) =>
  [part, signButton(plays, 'play', about, event => toggle(part, event), words)]));
const frame = make(look, 'div', 'frame'), image = make(frame, 'img', 'seen');
const strip = make(look, 'div', 'strip'), levels = make(strip, 'canvas', ''), head = make(strip, 'div', 'head');
const legend = make(look, 'div', 'legend'), list = make(look, 'dl', 'about'), near = make(look, 'div', 'near');
image.alt = 'spectrogram of what is in the dataset';
image.draggable = false;
levels.title = 'level of the file over time: what is dim was cut';

// ------------------------------------------------------------------------------------------------------- the sounds
function soundId(part) { return part === 'sound' ? `dataset ${shown.dataset} ${shown.id}` : `dataset ${shown.dataset} ${shown.id} ${part}`; }

function remember(key, address) {
  forget(key);
  addresses.set(key, address);
  for (const old of [...addresses.keys()].slice(0, Math.max(0, addresses.size - KEPT))) {
    forget(old);
  }
  return address;
}

function forget(key) {
  if (addresses.has(key)) addresses.get(key).then(URL.revokeObjectURL, () => {});
  addresses.delete(key);
}

// Where a prepared sound can be fetched, as fast as it was asked for before.
function addressOf(dataset, id) {
  const key = `${dataset}\n${id}\nsound`;
  if (addresses.has(key)) return addresses.get(key);
  const address = server.sound({dataset, id}).then(answer => {
    if (answer.error) throw new Error(answer.error);
    return wavAddress(answer.wav);
  });
  address.catch(() => addresses.delete(key));
  return remember(key, address);
}

async function play(part, event) {
  const wantedFor = shown;
  const address = part === 'sound' ? addressOf(shown.dataset, shown.id) : addresses.get(`${shown.dataset}\n${shown.id}\n${part}`);
  const url = await address;
  if (url && shown === wantedFor) speaker.play({id: soundId(part), url}, {event});
}

function toggle(part, event) {
  if (!shown) return;
  if (speaker.position(soundId(part)) !== null) speaker.stop();
  else play(part, event).catch(say);
}

function say(error) { legend.textContent = error.message; }

// ---------------------------------------------------------------------------------------------------- before and after
async function compare(row, dataset) {
  const answer = await server.compare({dataset, id: row.id});
  if (!shown || shown.id !== row.id || shown.dataset !== dataset) return;
  facts = answer;
  for (const part of ['original', 'cut_off']) {
    if (answer[part]) remember(`${dataset}\n${row.id}\n${part}`, Promise.resolve(wavAddress(answer[part])));
    buttons[part].disabled = !answer[part];
    delete facts[part];
  }
  image.src = answer.image || '';
  frame.hidden = !answer.image;
  tellFacts();
  draw();
}

function seconds(value) { return value < 1 ? `${(1000 * value).toFixed(value < 0.01 ? 1 : 0)} ms` : `${value.toFixed(2)} s`; }

function tellFacts() {
  const rows = [];
  if (facts.error || facts.missing) legend.textContent = facts.error || facts.missing;
  else {
    const cut = [[facts.start, 'before'], [facts.whole - facts.end, 'behind'], [facts.end - facts.until, 'for want of room']];
    const said = cut.filter(([length]) => length > 0.0005).map(([length, where]) => `${seconds(length)} ${where}`);
    legend.textContent = said.length ? `Cut: ${said.join(', ')}` : 'Nothing was cut.';
    rows.push(['kept', `${seconds(facts.until - facts.start)} of ${seconds(facts.whole)}`]);
  }
  if (facts.source) {
    rows.push(['file', facts.source], ['folder', facts.where]);
    rows.push(['level', `${facts.gain_db >= 0 ? '+' : ''}${facts.gain_db.toFixed(1)} dB`]);
  }
  list.replaceChildren(...rows.flatMap(([term, value]) => [make(null, 'dt', '', term), make(null, 'dd', '', value)]));
}

function draw() {
  const width = strip.clientWidth, height = strip.clientHeight;
  strip.hidden = !facts || !facts.outline;
  if (strip.hidden || !width || !height) return;
  Object.assign(levels, {width, height});
  const pen = levels.getContext('2d'), style = getComputedStyle(root), {outline, whole, start, until} = facts;
  const inside = style.getPropertyValue('--color-accent'), outside = style.getPropertyValue('--body-text-color-subdued');
  for (let x = 0; x < width; x++) {
    const at = x / width * whole, level = outline[Math.min(outline.length - 1, Math.floor(x / width * outline.length))];
    const part = Math.max(0, 1 - 20 * Math.log10(Math.max(level, 1e-9)) / FLOOR_DB);
    const kept = at + whole / width > start && at <= until;
    pen.globalAlpha = kept ? 1 : 0.45;
    pen.fillStyle = kept ? inside : outside;
    pen.fillRect(x, height * (1 - part), 1, height * part);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = style.getPropertyValue('--body-text-color');
  for (const at of [start, until]) if (at > 0.0005 && at < whole - 0.0005) pen.fillRect(Math.round(at / whole * width), 0, 1, height);
}

function follow() {
  if (!shown || !facts || !facts.outline) { head.hidden = true; return; }
  const inside = speaker.position(soundId('sound')), before = speaker.position(soundId('original'));
  const at = inside !== null ? Math.min(facts.start + inside, facts.until) : before;
  head.hidden = at === null;
  head.style.left = `${at === null ? 0 : 100 * Math.min(1, at / facts.whole)}%`;
  if (at !== null && element.offsetParent !== null) requestAnimationFrame(follow);
}

// --------------------------------------------------------------------------------------------------------- the choice
function show({dataset, row, near: alike}) {
  const same = shown && row && shown.id === row.id && shown.dataset === dataset;
  shown = row ? {dataset, id: row.id} : null;
  root.classList.toggle('empty', !shown);
  root.dataset.id = shown ? shown.id : '';
  if (!shown) return;
  title.textContent = row.text;
  near.replaceChildren(...(alike.length ? [make(null, 'span', '', 'Nearly the same:'), ...alike.slice(0, 6).map(link)] : []));
  if (same) return;
  facts = null;
  frame.hidden = strip.hidden = true;
  for (const part of ['original', 'cut_off']) buttons[part].disabled = true;
  list.replaceChildren();
  legend.textContent = '';
  compare(row, dataset).catch(() => say(new Error('The studio does not answer; is it still running?')));
}

function link({id, text}) {
  const made = signButton(null, 'other', 'show it', () => document.dispatchEvent(new CustomEvent('dataset:near', {detail: {id}})), text);
  return made;
}

function onLook(event) {
  if (!element.isConnected) { document.removeEventListener('dataset:look', onLook); return; }
  show(event.detail);
  if (event.detail.play && shown) play('sound', event.detail.event).catch(say);
}
document.addEventListener('dataset:look', onLook);

function onAhead(event) {
  if (!element.isConnected) { document.removeEventListener('dataset:ahead', onAhead); return; }
  for (const id of event.detail.ids) addressOf(event.detail.dataset, id).then(url => speaker.load(url)).catch(() => {});
}
document.addEventListener('dataset:ahead', onAhead);

function onSpeaker() {
  if (!element.isConnected) { speaker.off(onSpeaker); return; }
  if (element.offsetParent === null || !shown) return;
  for (const part of Object.keys(PARTS)) buttons[part].classList.toggle('on', speaker.position(soundId(part)) !== null);
  root.dataset.playing = Object.keys(PARTS).find(part => speaker.position(soundId(part)) !== null) || '';
  if (root.dataset.playing) root.dataset.played = `${shown.id} ${root.dataset.playing}`;
  follow();
}
speaker.on(onSpeaker);
new ResizeObserver(draw).observe(strip);
root.classList.add('empty');
