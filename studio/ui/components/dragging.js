// The browser says what it is; what it hands over when a sound is dragged follows from that.
element.querySelector('.dragging').textContent = handsOverFiles()
  ? 'Here you can also drag a sound from its pad into the DAW: this browser hands over the file itself.'
  : 'Dragging a sound out of this browser hands over only its address. To drag files into any DAW, start the drag tray: '
    + 'python studio.py tray';
