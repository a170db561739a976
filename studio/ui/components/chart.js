// Lines over the steps: a noisy one is drawn faintly, and thick where it is smoothed, since single steps of diffusion
// training say little; a line of dots shows each of its points. The best step is marked.
const root = element.querySelector('.chart');
const canvas = make(root, 'canvas', ''), title = make(root, 'div', 'title'), hint = make(root, 'div', 'hint');
const SMOOTHING = 0.08, SECOND = '#6fb3d9';
let box = null;

function draw() {
  const value = props.value || {}, lines = (value.lines || []).filter(line => line.points.length);
  const points = lines.flatMap(line => line.points);
  root.dataset.points = points.length;
  root.classList.toggle('empty', !points.length);
  hint.textContent = value.hint || '';
  title.replaceChildren(make(null, 'b', '', value.title || ''),
    ...lines.map(line => make(null, 'span', line.second ? 'key second' : 'key', line.name)));
  const scale = window.devicePixelRatio || 1, width = root.clientWidth, height = root.clientHeight;
  if (!width || !height) return;
  Object.assign(canvas, {width: width * scale, height: height * scale});
  if (!points.length) return;
  const pen = canvas.getContext('2d'), style = getComputedStyle(root);
  pen.scale(scale, scale);
  pen.font = '11px system-ui';
  const values = points.map(point => point[1]).sort((a, b) => a - b);
  const top = (lines.some(line => line.look === 'noisy') ? values[Math.floor(values.length * 0.98)] : values[values.length - 1]) * 1.1 || 1;
  const last = Math.max(value.total || 0, ...points.map(point => point[0]), 1);
  box = {left: 40, top: title.offsetHeight + 16, right: width - 14, bottom: height - 20};
  const x = step => box.left + (box.right - box.left) * step / last;
  const y = level => box.bottom - (box.bottom - box.top) * Math.min(1, level / top);
  grid(pen, style, top, last, y, height, value.unit || '');
  if (typeof value.best === 'number') mark(pen, style, x(value.best));
  for (const line of lines) {
    pen.strokeStyle = pen.fillStyle = line.second ? SECOND : style.getPropertyValue('--color-accent');
    if (line.look === 'noisy') noisy(pen, line.points, x, y); else dots(pen, line.points, x, y);
  }
}

function grid(pen, style, top, last, y, height, unit) {
  pen.fillStyle = style.color;
  pen.strokeStyle = style.getPropertyValue('--border-color-primary');
  for (const share of [0, 0.5, 1]) {
    path(pen, [[box.left, y(top * share)], [box.right, y(top * share)]]);
    pen.fillText(`${(top * share).toPrecision(2)}${share === 1 && unit ? ` ${unit}` : ''}`, 6, y(top * share) + 4);
  }
  pen.fillText('0', box.left, height - 5);
  pen.textAlign = 'right';
  pen.fillText(`${last} steps`, box.right, height - 5);
  pen.textAlign = 'left';
}

function mark(pen, style, at) {
  pen.save();
  pen.setLineDash([3, 3]);
  pen.strokeStyle = pen.fillStyle = style.getPropertyValue('--body-text-color');
  path(pen, [[at, box.top - 4], [at, box.bottom]]);
  pen.textAlign = at > box.right - 40 ? 'right' : 'left';
  pen.fillText('★ best', at + (pen.textAlign === 'left' ? 4 : -4), box.bottom - 6);
  pen.restore();
}

function noisy(pen, points, x, y) {
  let smooth = points[0][1];
  const smoothed = points.map(([step, level]) => [step, smooth += (level - smooth) * SMOOTHING]);
  for (const [line, alpha, thick] of [[points, 0.3, 1], [smoothed, 1, 2]]) {
    Object.assign(pen, {globalAlpha: alpha, lineWidth: thick});
    path(pen, line.map(([step, level]) => [x(step), y(level)]));
  }
  Object.assign(pen, {globalAlpha: 1, lineWidth: 1});
}

function dots(pen, points, x, y) {
  pen.globalAlpha = 0.6;
  path(pen, points.map(([step, level]) => [x(step), y(level)]));
  pen.globalAlpha = 1;
  for (const [step, level] of points) {
    pen.beginPath();
    pen.arc(x(step), y(level), 3.5, 0, 2 * Math.PI);
    pen.fill();
  }
}

function path(pen, places) {
  pen.beginPath();
  places.forEach(([left, top], i) => i ? pen.lineTo(left, top) : pen.moveTo(left, top));
  pen.stroke();
}

draw();
watch('value', draw);
new ResizeObserver(draw).observe(root);
