// A mask of bytes, 0 keeps and 255 makes anew, and what a brush does to it. A stroke only ever raises (or, erasing, only
// lowers) a value, so that going over a soft edge twice leaves it soft.
function makeMask(columns, rows) {
  const MOST_KEPT = 48 << 20;  // bytes of steps back
  let bytes = new Uint8Array(columns * rows), steps = [];

  function remember() {
    steps.push(bytes.slice());
    while (steps.length > 1 && steps.length * bytes.length > MOST_KEPT) steps.shift();
  }

  function undo() {
    if (steps.length) bytes = steps.pop();
  }

  function fill(change) {
    remember();
    for (let i = 0; i < bytes.length; i++) bytes[i] = change(bytes[i]);
  }

  // One touch of a brush: at (x, y) in columns and rows, radii in the same, soft 0…1 from a hard edge to none. kind:
  // "round", "slice" (as high as all of it) or "band" (as wide as all of it). Returns the box that may have changed.
  function touch(x, y, {kind, across, up, soft, erase}) {
    const left = kind === 'band' ? 0 : Math.max(0, Math.floor(x - across));
    const right = kind === 'band' ? columns : Math.min(columns, Math.ceil(x + across) + 1);
    const top = kind === 'slice' ? 0 : Math.max(0, Math.floor(y - up));
    const bottom = kind === 'slice' ? rows : Math.min(rows, Math.ceil(y + up) + 1);
    for (let row = top; row < bottom; row++) {
      const far = kind === 'slice' ? 0 : (row + 0.5 - y) / up;
      for (let column = left; column < right; column++) {
        const away = kind === 'band' ? 0 : (column + 0.5 - x) / across;
        const value = 255 * edge(Math.hypot(far, away), soft), at = row * columns + column;
        if (!value) continue;
        bytes[at] = erase ? Math.min(bytes[at], 255 - value) : Math.max(bytes[at], value);
      }
    }
    return {left, top, width: Math.max(0, right - left), height: Math.max(0, bottom - top)};
  }

  // 1 inside, 0 from the brush's edge on, and half a cosine between.
  function edge(distance, soft) {
    if (distance >= 1) return 0;
    const inside = 1 - soft;
    return distance <= inside ? 1 : 0.5 + 0.5 * Math.cos(Math.PI * (distance - inside) / soft);
  }

  return {columns, rows, touch, remember, undo, fill, get bytes() { return bytes; }, get steps() { return steps.length; },
    get any() { return bytes.some(value => value > 0); }};
}
