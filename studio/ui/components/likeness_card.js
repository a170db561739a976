// Figures in words, and two envelopes over one another: the original as an area, the round trip as a line.
const root = element.querySelector('.likeness_card');

const figures = make(root, 'div', 'figures'), attack = make(root, 'div', 'attack');
make(attack, 'div', 'title', 'Attack: the first 100 ms, original as area, round trip as line');
const canvas = make(attack, 'canvas', '');

function path(pen, levels, x, y) {
  pen.beginPath();
  levels.forEach((level, i) => i ? pen.lineTo(x(i / (levels.length - 1)), y(level)) : pen.moveTo(x(0), y(level)));
}

function curves() {
  const {envelopes = [], span_ms: span} = props.value || {};
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!envelopes.length || !width || !height) return;
  Object.assign(canvas, {width: width * scale, height: height * scale});
  const pen = canvas.getContext('2d'), style = getComputedStyle(root), floor = height - 16;
  const top = Math.max(1e-9, ...envelopes.flat());
  const x = share => 1 + (width - 2) * share, y = level => floor - (floor - 4) * level / top;
  pen.scale(scale, scale);
  pen.font = '11px system-ui';
  pen.strokeStyle = style.getPropertyValue('--border-color-primary');
  pen.fillStyle = style.getPropertyValue('--body-text-color-subdued');
  for (let ms = 0; ms <= span; ms += 20) {
    pen.fillRect(x(ms / span) - 0.5, floor, 1, 3);
    pen.textAlign = ms === 0 ? 'left' : ms < span ? 'center' : 'right';
    pen.fillText(ms < span ? String(ms) : `${ms} ms`, x(ms / span), height - 2);
  }
  pen.globalAlpha = 0.4;
  path(pen, envelopes[0], x, y);
  pen.lineTo(x(1), floor);
  pen.lineTo(x(0), floor);
  pen.fill();
  pen.globalAlpha = 1;
  pen.strokeStyle = style.getPropertyValue('--color-accent');
  pen.lineWidth = 1.5;
  path(pen, envelopes[1], x, y);
  pen.stroke();
}

function draw() {
  const shown = (props.value || {}).figures || [];
  root.classList.toggle('none', !shown.length);
  figures.replaceChildren();
  for (const each of shown) {
    const figure = make(figures, 'div', 'figure');
    make(figure, 'div', 'name', each.name);
    make(figure, 'div', 'value', each.value);
    make(figure, 'div', 'phrase', each.phrase);
  }
  curves();
}

function onStale(event) {
  if (!element.isConnected) { document.removeEventListener('lab:stale', onStale); return; }
  root.classList.toggle('stale', event.detail);
}
document.addEventListener('lab:stale', onStale);

draw();
watch('value', draw);
new ResizeObserver(curves).observe(root);
