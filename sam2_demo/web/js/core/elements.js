// Small elements that several panels share.

export function makeButton(className, text, label, onclick) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = className;
  button.textContent = text;
  button.title = label;
  button.setAttribute('aria-label', label);
  button.onclick = onclick;
  return button;
}

export function showMeter(meter, done, total) {
  meter.hidden = false;
  const known = total > 0;
  meter.classList.toggle('s2-unknown', !known);
  const share = known ? Math.min(1, done / total) : 0;
  meter.firstElementChild.style.width = known ? `${(100 * share).toFixed(1)}%` : '';
  if (known) meter.setAttribute('aria-valuenow', Math.round(100 * share));
  else meter.removeAttribute('aria-valuenow');
}

/** Returns whether keys pressed on an element type text into it. */
export function isTyping(target) {
  const fields = 'input:not([type=checkbox]), textarea, select, [contenteditable]';
  return Boolean(target.closest && target.closest(fields));
}
