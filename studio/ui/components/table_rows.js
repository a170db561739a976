// One sound in a row. Only the rows in sight are there; each is filled anew when its sound changes.
function makeRow(id) {
  const line = make(null, 'div', 'sound'), parts = {line, id};
  line.dataset.id = id;
  parts.pick = make(line, 'input', 'pick');
  Object.assign(parts.pick, {type: 'checkbox', title: 'choose for an edit of many (X)', tabIndex: -1});
  parts.play = make(line, 'button', 'thumb');
  parts.play.title = 'play';
  parts.play.tabIndex = -1;
  parts.image = make(parts.play, 'img', 'seen');
  parts.image.alt = '';
  parts.text = make(line, 'input', 'text');
  Object.assign(parts.text, {type: 'text', spellcheck: false, ariaLabel: 'caption'});
  parts.near = make(line, 'span', 'near');
  parts.role = make(line, 'span', 'role');
  parts.duration = make(line, 'span', 'duration');
  parts.weight = make(line, 'input', 'weight');
  Object.assign(parts.weight, {type: 'number', min: 0, max: 100, step: 0.5, title: 'how often training shows it, against the others'});
  parts.use = make(line, 'input', 'use');
  Object.assign(parts.use, {type: 'checkbox', title: 'training uses it (U)', tabIndex: -1});
  return parts;
}

function fillRow(parts, row) {
  const {line} = parts, focused = document.activeElement, group = table.groupOf.get(row.id);
  if (focused !== parts.text) parts.text.value = row.text;
  if (focused !== parts.weight) parts.weight.value = row.weight;
  parts.pick.checked = view.chosen.has(row.id);
  parts.use.checked = row.enabled;
  parts.text.title = row.text;
  parts.role.textContent = row.role || '–';
  parts.duration.textContent = `${row.duration.toFixed(2)} s`;
  parts.near.textContent = group === undefined ? '' : `≈ ${group + 1}`;
  parts.near.title = group === undefined ? '' : `nearly the same as ${table.groups[group].length - 1} other: group ${group + 1}`;
  for (const [kind, on] of [['current', row.id === view.current], ['chosen', view.chosen.has(row.id)], ['unused', !row.enabled],
    ['gone', row.gone], ['playing', speaker.position(soundId(row.id)) !== null]]) line.classList.toggle(kind, on);
  const image = images.get(row.id);
  if (image && parts.image.getAttribute('src') !== image) parts.image.src = image;
}

function soundId(id) { return `dataset ${table.dataset} ${id}`; }

// ---------------------------------------------------------------------------------------------------- their pictures
const images = new Map();  // id → data URI; "" where there is none
const MOST_IMAGES = 600;
let fetching = false;

// Pictures of the rows in sight, one request at a time, always for where the user has scrolled to by then.
async function fetchImages(inSight, after) {
  if (fetching) return;
  fetching = true;
  try {
    for (let ids = missing(inSight()); ids.length; ids = missing(inSight())) {
      const dataset = table.dataset, answer = await server.thumbs({dataset, ids});
      if (dataset !== table.dataset) continue;
      for (const id of ids) images.set(id, (answer.images || {})[id] || '');
      while (images.size > MOST_IMAGES) images.delete(images.keys().next().value);
      after();
    }
  } catch (error) {
    console.warn('pictures could not be fetched', error);
  } finally { fetching = false; }
}

function missing(rows) { return rows.map(row => row.id).filter(id => !images.has(id)); }
