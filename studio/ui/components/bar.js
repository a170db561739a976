// Light or dark, the list of shortcuts, and the shortcuts that belong to no tab.
const root = element.querySelector('.bar');

function made(kind, parent, text) {
  const node = document.createElement(kind);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function button(label, title, act) {
  const node = made('button', root, label);
  node.type = 'button';
  node.title = title;
  node.setAttribute('aria-label', title);
  node.addEventListener('click', act);
  return node;
}

const dialog = made('dialog');
const groups = made('div', dialog);
groups.className = 'groups';
for (const group of props.value || []) {
  const part = made('section', groups);
  made('h3', part, group.title);
  const list = made('dl', part);
  for (const each of group.keys) { made('dt', list, each.key); made('dd', list, each.does); }
}
dialog.addEventListener('click', () => dialog.close());

button('◐', 'light or dark', () => studioTheme(document.body.classList.contains('dark') ? 'light' : 'dark'));
button('?', 'shortcuts', () => dialog.showModal());
root.appendChild(dialog);

function typing(target) {
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onKey); return; }
  if (event.repeat) return;
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    const starts = [...document.querySelectorAll('#generate-start, #transform-start')];
    const start = starts.find(each => each.offsetParent !== null && !each.disabled);
    if (start) {
      event.target.blur?.();  // a line of text gives its value to the page when it is left
      setTimeout(() => start.click(), 50);
    }
  } else if (event.altKey && /^Digit[1-9]$/.test(event.code)) {
    const tab = document.querySelectorAll('[role="tablist"] [role="tab"]')[Number(event.code[5]) - 1];
    if (tab) { event.preventDefault(); tab.click(); }
  } else if (event.key === '?' && !typing(event.target) && !event.ctrlKey && !event.metaKey) {
    if (dialog.open) dialog.close(); else dialog.showModal();
  }
}
document.addEventListener('keydown', onKey);
