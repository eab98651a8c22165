// What Gradio runs once the annotator's elements are there, as the body of a function: it loads the
// modules. ANNOTATOR, put before it, says where they are and what the server decides.
//
// The address is relative to the page's, so that a sub-path, a share link and a proxy in front all
// work. All modules are asked for at once, not one import after the other.

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
