// A sentence, lines under it, a bar of progress. Everything said goes through textContent.
const root = element.querySelector('.note');
root.style.minHeight = `${props.least_height}px`;
let stage = null, began = 0, first = 0;

function spoken(seconds) {
  if (seconds < 1) return '';
  if (seconds < 90) return `about ${Math.round(seconds)} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

function left(value) {
  if (typeof value.seconds_left === 'number') return spoken(value.seconds_left);
  if (stage !== value.text || value.step < first) { stage = value.text; began = performance.now(); first = value.step; }
  const passed = (performance.now() - began) / 1000, done = value.step - first;
  return done > 0 && passed > 1.5 ? spoken(passed / done * (value.total - value.step)) : '';
}

function draw() {
  const value = props.value || {text: '', lines: [], tone: 'quiet'};
  root.replaceChildren();
  root.dataset.tone = value.tone || 'quiet';
  if (value.tone !== 'busy') stage = null;
  const line = make(root, 'div', 'line');
  make(line, 'div', 'text', value.text);
  if (value.total > 0) {
    make(line, 'div', 'count', [`${value.step} of ${value.total}`, left(value)].filter(Boolean).join(' · '));
    const bar = make(make(root, 'div', 'track'), 'div', 'bar');
    bar.style.width = `${Math.min(100, 100 * value.step / value.total)}%`;
  }
  for (const each of value.lines || []) make(root, 'div', 'more', each);
}

draw();
watch('value', draw);
