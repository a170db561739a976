// The way through a long list, part by part.
const root = element.querySelector('.pager');
const back = signButton(root, 'back', 'back (Page Up)', () => turn(-1));
const place = make(root, 'span', 'place');
const next = signButton(root, 'next', 'on (Page Down)', () => turn(1));

function part() { return props.value || {first: 0, shown: 0, total: 0}; }

function turn(by) {
  const {first, shown, total} = part(), more = by < 0 ? first > 0 : first + shown < total;
  if (more) trigger('turned', {by});
  return more;
}

function draw() {
  const {first, shown, total} = part();
  root.hidden = shown >= total;
  back.disabled = !first;
  next.disabled = first + shown >= total;
  place.textContent = `${(first + 1).toLocaleString()}–${(first + shown).toLocaleString()} of ${total.toLocaleString()}`;
  Object.assign(root.dataset, {first, total});
}

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', onKey); return; }
  const by = {PageUp: -1, PageDown: 1}[event.key];
  if (!by || root.offsetParent === null || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (turn(by)) event.preventDefault();  // else the page scrolls
}
document.addEventListener('keydown', onKey);

draw();
watch('value', draw);
