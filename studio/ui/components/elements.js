// What every part is drawn with. All text goes in as text.
function make(parent, tag, kind, text) {
  const made = document.createElement(tag);
  made.className = kind;
  if (text !== undefined) made.textContent = text;
  if (tag === 'button') made.type = 'button';
  if (parent) parent.appendChild(made);
  return made;
}

// Puts children in this order and takes the others away, moving none that is in its place: what has the focus keeps it.
function arrange(parent, children) {
  for (const each of [...parent.children]) if (!children.includes(each)) each.remove();
  children.forEach((each, i) => { if (parent.children[i] !== each) parent.insertBefore(each, parent.children[i] || null); });
}

// After the mouse a button lets go of the keys, which are the page's; after Tab they are the button's own.
function onPress(button, act) {
  button.addEventListener('click', event => {
    if (event.detail) button.blur();
    act(event);
  });
  return button;
}
