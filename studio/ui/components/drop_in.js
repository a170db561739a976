// A file dropped anywhere on the tab goes into an upload button. One that nobody wants is at least not opened by the
// browser in place of the page.
function carriesFiles(event) {
  return !event.defaultPrevented && event.dataTransfer && event.dataTransfer.types.includes('Files');
}

function dropIn(element, mark, buttonId) {
  guardPage();

  function input() {
    const button = buttonId && element.offsetParent !== null ? document.getElementById(buttonId) : null;
    const field = button && button.previousElementSibling;
    return field && field.type === 'file' ? field : null;
  }

  function over(event) {
    if (!element.isConnected) { leave(); return; }
    const wanted = carriesFiles(event) && Boolean(input());
    mark.classList.toggle('dropping', wanted && event.type === 'dragover');
    if (wanted) event.preventDefault();
  }

  function drop(event) {
    const field = input(), file = carriesFiles(event) && event.dataTransfer.files[0];
    mark.classList.remove('dropping');
    if (!field || !file) return;
    event.preventDefault();
    const given = new DataTransfer();
    given.items.add(file);
    field.files = given.files;
    field.dispatchEvent(new Event('change', {bubbles: true}));
  }

  const acts = {dragover: over, dragleave: over, drop};
  function leave() {
    for (const [kind, act] of Object.entries(acts)) document.removeEventListener(kind, act);
  }
  for (const [kind, act] of Object.entries(acts)) document.addEventListener(kind, act);
}

// The window hears last, so that it knows what nobody took.
function guardPage() {
  if (document.oneShotGuarded) return;
  document.oneShotGuarded = true;
  for (const kind of ['dragover', 'drop']) {
    window.addEventListener(kind, event => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'none';
    });
  }
}
