// Buttons with a drawn sign: lines on a field of 24 × 24, in the colour of the text.
const SIGNS = {
  play: 'M8 5 L19 12 L8 19 Z', stop: 'M7 7 H17 V17 H7 Z',
  loop: 'M7 8 H15 A4 4 0 0 1 15 16 H9 A4 4 0 0 1 6 14.5 M10 5 L7 8 L10 11',
  level: 'M4 6 H20 M7 10 V19 M12 10 V19 M17 10 V19',
  star: 'M12 3.5 L14.6 9.2 L20.8 9.9 L16.2 14.1 L17.5 20.2 L12 17.1 L6.5 20.2 L7.8 14.1 L3.2 9.9 L9.4 9.2 Z',
  name: 'M4 20 L5 16 L16 5 L19 8 L8 19 Z M13.5 7.5 L16.5 10.5',
  trash: 'M5 7 H19 M10 7 V4 H14 V7 M7 7 L8 20 H16 L17 7',
  back: 'M14.5 6 L8.5 12 L14.5 18', next: 'M9.5 6 L15.5 12 L9.5 18',
  copy: 'M8 8 H19 V20 H8 Z M5 16 V4 H16', again: 'M18 8 A7 7 0 1 0 19 13 M18 3.5 V8 H13.5', away: 'M7 7 L17 17 M17 7 L7 17',
  round: 'M12 6 A6 6 0 1 0 12 18 A6 6 0 1 0 12 6 Z', slice: 'M9 3 V21 M15 3 V21 M9 8 H15 M9 16 H15',
  band: 'M3 9 H21 M3 15 H21 M8 9 V15 M16 9 V15', erase: 'M4 16 L13 6 L20 12 L13 19 H7 Z M9 11 L15.5 16.5',
  unstroke: 'M9 5 L5 9 L9 13 M5 9 H14 A5 5 0 0 1 14 19 H9',
  invert: 'M4 5 H20 V19 H4 Z M4 19 L20 5 M7 9 H11 M13 15 H17 M15 13 V17',
  several: 'M3 7 L5 9 L9 5 M3 16 L5 18 L9 14 M12 7 H21 M12 16 H21',
  save: 'M12 4 V15 M7.5 10.5 L12 15 L16.5 10.5 M5 20 H19',
};

function sign(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'sign');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', SIGNS[name]);
  svg.appendChild(path);
  return svg;
}

// A button that shows a sign, and a few words where they are needed.
function signButton(parent, name, title, act, words) {
  const made = make(parent, 'button', `act ${name}`, words);
  if (SIGNS[name]) made.prepend(sign(name));
  made.title = title;
  made.setAttribute('aria-label', words || title);
  return onPress(made, act);
}
