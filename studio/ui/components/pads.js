// Sounds are decoded as soon as their pad appears, so that a key sounds at once. Titles go in with textContent.
const root = element.querySelector('.pads');
const KEYS = '12345678';
const decoded = new Map();  // url → AudioBuffer
let audio = null, playing = null;

function context() {
  audio = audio || new AudioContext({latencyHint: 'interactive'});
  return audio;
}

function items() { return Array.isArray(props.value) ? props.value : []; }

async function decode(url) {
  if (decoded.has(url)) return;
  decoded.set(url, null);
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status}`);
    decoded.set(url, await context().decodeAudioData(await answer.arrayBuffer()));
    mark();
  } catch (error) {
    decoded.delete(url);
    console.warn('a sound could not be decoded', error);
  }
}

function mark() {
  const ready = items().filter(item => decoded.get(item.sound.url)).length;
  root.dataset.ready = ready;
  root.querySelectorAll('.pad').forEach((pad, i) => {
    const item = items()[i];
    pad.classList.toggle('waiting', Boolean(item) && !decoded.get(item.sound.url));
    pad.classList.toggle('playing', Boolean(item) && playing !== null && playing.id === item.id);
  });
}

function silence() {
  if (playing) playing.source.stop();
  playing = null;
  mark();
}

function play(i) {
  const item = items()[i];
  if (!item) return;
  if (context().state !== 'running') context().resume();
  silence();
  const buffer = decoded.get(item.sound.url);
  if (buffer) {
    const source = new AudioBufferSourceNode(context(), {buffer});
    source.connect(context().destination);
    source.onended = () => { if (playing && playing.source === source) { playing = null; mark(); } };
    source.start();
    playing = {id: item.id, source};
    root.dataset.played = item.id;
    mark();
  }
  trigger('chosen', {id: item.id});
}

function drawPad(item, i) {
  const pad = document.createElement('button');
  pad.className = 'pad';
  pad.type = 'button';
  pad.draggable = true;
  pad.dataset.i = i;
  pad.title = `${item.title}\nclick or key to play, drag to take the file with you`;
  const image = document.createElement('img');
  image.src = item.image;
  image.alt = '';
  image.draggable = false;
  const words = document.createElement('span');
  words.className = 'words';
  for (const [kind, text] of [['title', item.title], ['detail', item.detail]]) {
    const line = document.createElement('span');
    line.className = kind;
    line.textContent = text;
    words.appendChild(line);
  }
  pad.append(image, words);
  if (KEYS[i]) {
    const key = document.createElement('kbd');
    key.textContent = KEYS[i];
    pad.appendChild(key);
  }
  return pad;
}

function draw() {
  root.replaceChildren(...items().map(drawPad));
  for (const item of items()) decode(item.sound.url);
  mark();
}

root.addEventListener('click', event => {
  const pad = event.target.closest('.pad');
  if (pad) play(Number(pad.dataset.i));
});

root.addEventListener('dragstart', event => {
  const pad = event.target.closest('.pad'), item = pad && items()[Number(pad.dataset.i)];
  if (!item) return;
  const url = new URL(item.sound.url, location.href), name = decodeURIComponent(url.pathname.split('/').pop());
  event.dataTransfer.effectAllowed = 'copy';
  event.dataTransfer.setData('DownloadURL', `audio/wav:${name.replaceAll(':', '_')}:${url.href}`);
  event.dataTransfer.setData('text/uri-list', url.href);
  event.dataTransfer.setData('text/plain', url.href);
});

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onKey); return; }
  if (element.offsetParent === null || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = event.target;
  if (at.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(at.tagName)) return;
  if (event.key === 'Escape') { silence(); return; }
  const i = KEYS.indexOf(event.key);
  if (event.key.length === 1 && i >= 0 && items()[i]) { event.preventDefault(); play(i); }
}
document.addEventListener('keydown', onKey);

draw();
watch('value', draw);
