// The help sheet, built from the table of keys.

import { KEYS } from './keys.js';

const KEY_NAMES = {
  ' ': 'space',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Escape: 'Esc',
  Delete: 'Del',
};

/** Fills the help sheet: a list of terms for each group. */
export function fillHelp(sheet) {
  for (const { title, lines } of KEYS) {
    const heading = document.createElement('h3');
    heading.textContent = title;
    const list = document.createElement('dl');
    for (const { how, keys, shown, does } of lines) {
      const term = document.createElement('dt');
      const meaning = document.createElement('dd');
      if (how) term.append(how);
      else (shown || keys).forEach((key, place) => term.append(place ? ' ' : '', keyCaps(key)));
      meaning.textContent = does;
      list.append(term, meaning);
    }
    const group = document.createElement('section');
    group.append(heading, list);
    sheet.append(group);
  }
}

/** Returns one key, or a combination, as key caps. */
function keyCaps(text) {
  const caps = document.createElement('span');
  for (const key of text === '…' ? [] : text === '+' ? [text] : text.split('+')) {
    const cap = document.createElement('kbd');
    cap.textContent = KEY_NAMES[key] || (key.length === 1 ? key.toUpperCase() : key);
    caps.append(cap);
  }
  if (text === '…') caps.append(text);
  return caps;
}
