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

// Whether a drag out of this browser brings a file and not an address: Chromium's kin, on Windows and macOS.
function handsOverFiles() {
  const agent = navigator.userAgentData;
  const kin = agent ? agent.brands.some(each => each.brand === 'Chromium') : /Chrome\//.test(navigator.userAgent);
  return kin && /^(win|mac)/i.test(agent ? agent.platform : navigator.platform);
}
