// Light or dark, the list of shortcuts, and the shortcuts that belong to no tab.
const root = element.querySelector('.bar');

function button(label, title, act) {
  const node = make(root, 'button', '', label);
  node.title = title;
  node.setAttribute('aria-label', title);
  node.addEventListener('click', act);
  return node;
}

const dialog = make(null, 'dialog', '');
const groups = make(dialog, 'div', 'groups');
for (const group of props.value || []) {
  const part = make(groups, 'section', '');
  make(part, 'h3', '', group.title);
  const list = make(part, 'dl', '');
  for (const each of group.keys) { make(list, 'dt', '', each.key); make(list, 'dd', '', each.does); }
}
dialog.addEventListener('click', () => dialog.close());

button('◐', 'light or dark', () => studioTheme(document.body.classList.contains('dark') ? 'light' : 'dark'));
button('?', 'shortcuts', () => dialog.showModal());
root.appendChild(dialog);

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
  } else if (event.altKey && /^Digit[1-9]$/.test(event.code) && (event.key === event.code[5] || !typing(event))) {
    // with the digits, Option types brackets and the like on a Mac
    const tab = document.querySelectorAll('[role="tablist"] [role="tab"]')[Number(event.code[5]) - 1];
    if (tab) { event.preventDefault(); tab.click(); }
  } else if (event.key === '?' && !typing(event) && !event.ctrlKey && !event.metaKey) {
    if (dialog.open) dialog.close(); else dialog.showModal();
  }
}
document.addEventListener('keydown', onKey);
