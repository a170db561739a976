// What a dragged sound carries: the address of its file, under the file's own name. Chromium on Windows and macOS makes
// a file of DownloadURL, one a drag; everybody else gets the addresses.
function carry(transfer, urls, grabbed) {
  const addresses = urls.map(url => new URL(url, location.href).href);
  const own = new URL(grabbed, location.href), name = decodeURIComponent(own.pathname.split('/').pop());
  transfer.effectAllowed = 'copy';
  transfer.setData('DownloadURL', `audio/wav:${name.replaceAll(':', '_')}:${own.href}`);
  transfer.setData('text/uri-list', addresses.join('\r\n'));
  transfer.setData('text/plain', addresses.join('\n'));
}
