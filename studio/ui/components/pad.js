// One pad: a picture, the key that plays it, a title, a line of detail, a star. Its parts are made once and filled anew,
// so that a pad under the mouse or in a drag stays the same element while others arrive.

const LONGEST = 200;  // letters of a title in a tooltip; a prompt may have thousands

function makePad(can) {
  const pad = make(null, 'div', 'pad');
  Object.assign(pad, {tabIndex: -1, draggable: true});
  pad.setAttribute('role', 'button');
  const image = make(pad, 'img', 'picture');
  Object.assign(image, {alt: '', draggable: false});
  make(pad, 'kbd', '');
  if (can.has('star')) signButton(pad, 'star', 'star (S)', () => {}).tabIndex = -1;
  else make(pad, 'span', 'star').appendChild(sign('star'));
  const words = make(pad, 'span', 'words');
  make(words, 'span', 'title');
  make(words, 'span', 'detail');
  return pad;
}

function makeSlot() {
  const slot = make(null, 'div', 'slot');
  make(make(slot, 'div', 'track'), 'div', 'bar');
  return slot;
}

// look: {key, chosen, playing, ready}
function fillPad(pad, item, look) {
  const image = pad.querySelector('.picture');
  if (image.getAttribute('src') !== item.image) image.src = item.image;
  pad.dataset.id = item.id;
  const called = item.title.length > LONGEST ? `${item.title.slice(0, LONGEST)}…` : item.title;
  pad.title = `${called}\n${item.detail}\ndrag it out to take the file with you`;
  pad.setAttribute('aria-label', `${called}, ${item.detail}`);
  setText(pad.querySelector('kbd'), look.key.toUpperCase());
  if (!pad.querySelector('.title input')) setText(pad.querySelector('.title'), item.title);
  setText(pad.querySelector('.detail'), item.detail);
  pad.setAttribute('aria-pressed', look.chosen);
  const marks = {chosen: look.chosen, playing: look.playing, waiting: !look.ready, starred: item.starred};
  for (const [kind, on] of Object.entries(marks)) pad.classList.toggle(kind, Boolean(on));
}

function fillSlot(slot, item) {
  slot.querySelector('.bar').style.width = `${100 * (item.progress || 0)}%`;
  slot.classList.toggle('begun', item.progress > 0);
}

function setText(at, text) {
  if (at.textContent !== text) at.textContent = text;
}

// Lets the title be typed over; `done` gets the new one. Enter keeps it, Escape leaves it as it was.
function editTitle(pad, title, done) {
  const at = pad.querySelector('.title'), field = document.createElement('input');
  let open = true;
  field.value = title;
  field.maxLength = 200;
  field.setAttribute('aria-label', 'name');
  pad.draggable = false;  // else the mouse could not mark a part of the text
  at.replaceChildren(field);
  function close(keep) {
    if (!open) return;
    open = false;
    pad.draggable = true;
    at.textContent = title;
    if (keep && field.value.trim() && field.value.trim() !== title) done(field.value.trim());
  }
  field.addEventListener('blur', () => close(true));
  field.addEventListener('keydown', event => {
    event.stopPropagation();
    if (['Enter', 'Escape'].includes(event.key)) { close(event.key === 'Enter'); pad.focus(); }
  });
  for (const kind of ['click', 'dblclick', 'pointerdown']) field.addEventListener(kind, event => event.stopPropagation());
  field.focus();
  field.select();
}
