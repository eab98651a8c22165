// Loads the modules. Gradio runs this as a function's body once the annotator's elements exist.
// ANNOTATOR, defined before it by the server, holds the modules' location and the settings.
//
// The address is relative to the page's, so that a sub-path, a share link and a proxy all work.
// All modules are requested at once instead of one import after the other.

const page = location.pathname.endsWith('/') ? location.pathname : `${location.pathname}/`;
const base = new URL(page + ANNOTATOR.base, location.origin);

for (const name of ANNOTATOR.modules) {
  const link = document.createElement('link');
  link.rel = 'modulepreload';
  link.href = new URL(name, base).href;
  document.head.append(link);
}

import(new URL(ANNOTATOR.entry, base).href)
  .then(({ start }) => start(element, ANNOTATOR.settings))
  .catch((error) => {
    console.error(error);
    const find = (id) => element.querySelector(`[data-id="${id}"]`);
    find('status-text').textContent = 'The page could not be loaded completely: reload it.';
    find('status').dataset.kind = 'error';
    find('status').hidden = false;
  });
