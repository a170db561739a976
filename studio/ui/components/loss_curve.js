// Each step's loss as a faint line, and a smoothed one over it, since single steps of diffusion training are noisy.
const root = element.querySelector('.loss_curve');
const canvas = document.createElement('canvas');
root.appendChild(canvas);

function draw() {
  const {points = [], total = 0} = props.value || {};
  root.dataset.points = points.length;
  const scale = window.devicePixelRatio || 1, width = root.clientWidth, height = root.clientHeight;
  if (!width || !height) return;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext('2d'), style = getComputedStyle(root);
  pen.scale(scale, scale);
  pen.font = '11px system-ui';
  pen.fillStyle = style.color;
  if (points.length < 2) {
    pen.fillText('The loss appears here while a training runs; lower is closer to your sounds.', 12, 22);
    return;
  }
  const box = {left: 46, top: 10, right: width - 12, bottom: height - 22};
  const losses = points.map(point => point[1]).sort((a, b) => a - b);
  const top = losses[Math.floor(losses.length * 0.98)] * 1.1 || 1, last = Math.max(total, points[points.length - 1][0]);
  const x = step => box.left + (box.right - box.left) * step / last;
  const y = loss => box.bottom - (box.bottom - box.top) * Math.min(1, loss / top);

  pen.strokeStyle = style.getPropertyValue('--border-color-primary');
  for (const share of [0, 0.5, 1]) {
    pen.beginPath();
    pen.moveTo(box.left, y(top * share));
    pen.lineTo(box.right, y(top * share));
    pen.stroke();
    pen.fillText((top * share).toPrecision(2), 8, y(top * share) + 4);
  }
  pen.fillText('step 0', box.left, height - 6);
  pen.textAlign = 'right';
  pen.fillText(String(last), box.right, height - 6);
  pen.textAlign = 'left';

  let smooth = points[0][1];
  const smoothed = points.map(([step, loss]) => [step, smooth += (loss - smooth) * 0.08]);
  const accent = style.getPropertyValue('--color-accent');
  for (const [line, alpha, thick] of [[points, 0.3, 1], [smoothed, 1, 2]]) {
    pen.globalAlpha = alpha;
    pen.lineWidth = thick;
    pen.strokeStyle = accent;
    pen.beginPath();
    line.forEach(([step, loss], i) => i ? pen.lineTo(x(step), y(loss)) : pen.moveTo(x(step), y(loss)));
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

draw();
watch('value', draw);
new ResizeObserver(draw).observe(root);
