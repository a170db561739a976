// Which key means what. The two rows of pads go by where a key lies, so that they are rows on any keyboard.
const PAD_CODES = [...'12345678'].map(each => `Digit${each}`).concat([...'QWERTYUI'].map(each => `Key${each}`));
const PAD_LETTERS = [...'12345678qwertyui'];

// The letters that this keyboard has in the second row, where the browser knows.
async function padLetters() {
  const layout = navigator.keyboard && navigator.keyboard.getLayoutMap && await navigator.keyboard.getLayoutMap();
  if (!layout || !layout.size) return PAD_LETTERS;
  return PAD_LETTERS.map((letter, i) => i < 8 ? letter : layout.get(PAD_CODES[i]) || letter);
}

// The number of the pad under a key, from 0, or -1.
function padOf(event) {
  if (event.shiftKey) return -1;
  const numpad = /^Numpad[1-8]$/.test(event.code) && /^[1-8]$/.test(event.key);
  return numpad ? Number(event.key) - 1 : PAD_CODES.indexOf(event.code);
}

function aimed(event) {
  const at = event.composedPath()[0];
  return at instanceof Element ? at : document.body;
}

// Whether the key goes into a text.
function typing(event) { return takesText(aimed(event)); }

function takesText(at) {
  if (at.isContentEditable || ['TEXTAREA', 'SELECT'].includes(at.tagName)) return true;
  return at.tagName === 'INPUT' && !['range', 'checkbox', 'radio', 'button', 'submit', 'file'].includes(at.type);
}

// Whether what has the focus uses the key itself: a slider its arrows, a button the space bar.
function takenBy(event) {
  const at = aimed(event);
  if (at.classList.contains('pad')) return false;
  const [pressed, arrow] = [[' ', 'Enter'].includes(event.key), event.key.startsWith('Arrow')];
  if (at.tagName === 'INPUT') return pressed || arrow;
  if (at.closest('[role=tab], [role=option], [role=listbox], [role=slider], [role=menuitem]')) return pressed || arrow;
  return pressed && Boolean(at.closest('button, a, summary, [role=button]'));
}
