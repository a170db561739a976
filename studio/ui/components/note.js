// A sentence, lines under it, a bar of progress. Everything said goes through textContent.
const root = element.querySelector('.note');
root.style.minHeight = `${props.least_height}px`;
const line = make(root, 'div', 'line'), text = make(line, 'div', 'text'), count = make(null, 'div', 'count');
const track = make(null, 'div', 'track'), bar = make(track, 'div', 'bar');
text.setAttribute('role', 'status');  // a screen reader says what is said anew, and not every step of it
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
  root.dataset.tone = value.tone || 'quiet';
  if (value.tone !== 'busy') stage = null;
  if (text.textContent !== value.text) text.textContent = value.text;
  const counts = value.total > 0, more = (value.lines || []).map(each => make(null, 'div', 'more', each));
  if (counts) {
    count.textContent = [`${value.step} of ${value.total}`, left(value)].filter(Boolean).join(' · ');
    bar.style.width = `${Math.min(100, 100 * value.step / value.total)}%`;
  }
  arrange(line, counts ? [text, count] : [text]);
  arrange(root, [line, ...counts ? [track] : [], ...more]);
}

draw();
watch('value', draw);
