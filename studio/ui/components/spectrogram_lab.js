// The picture follows the sliders (latest.js).
const root = element.querySelector('.spectrogram_lab');
let sound = null, mel = {};

make(root, 'div', 'empty', 'Choose a sound: its picture appears here and follows every slider.');
let image = make(root, 'img', 'picture');
const fault = make(root, 'div', 'fault'), facts = make(root, 'div', 'facts');
image.alt = 'spectrogram';

function tell(name, detail) { document.dispatchEvent(new CustomEvent(name, {detail})); }

function say(answer) {
  fault.textContent = answer.error || '';
  root.classList.toggle('impossible', Boolean(answer.error));
  if (answer.facts) facts.textContent = answer.facts;
  tell('lab:bench', {sound, mel, possible: !answer.error});
}

async function show(uri) {
  const next = Object.assign(new Image(), {className: 'picture', alt: 'spectrogram', src: uri});
  await next.decode();  // one that is put in before it is decoded would flash, and one that is copied is decoded twice
  image.replaceWith(next);
  image = next;
}

const ask = latestWins(async asked => {
  const answer = await server.preview({sound, mel: asked.mel, duration: asked.duration});
  if (answer.image) await show(answer.image);
  if (answer.mel) {
    mel = answer.mel;
    tell('lab:settled', {mel, duration: answer.duration, serial: asked.serial});
  }
  say(answer);
  if (asked.serial) root.dataset.settled = asked.serial;
  root.dataset.pictures = Number(root.dataset.pictures || 0) + (answer.image ? 1 : 0);
}, () => say({error: 'The picture could not be made; is the studio still running?'}));

function onMel(event) {
  if (!element.isConnected) { document.removeEventListener('lab:mel', onMel); return; }
  mel = event.detail.mel;
  ask(event.detail);
}
document.addEventListener('lab:mel', onMel);

function take() {
  const value = props.value || {};
  sound = value.sound || null;
  mel = {...mel, ...(value.mel || {})};
  root.classList.toggle('silent', !sound);
  say({facts: value.facts});
  if (value.image) image.src = value.image;
  else if (sound) ask({mel, duration: null});
}
take();
watch('value', take);
