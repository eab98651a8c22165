// The status line: one sentence of help or error; and the first hint on the image.

import { Refused } from '../core/net.js';
import { remember, remembered } from '../core/storage.js';

const INFO_TIME_MS = 9000;
const HINT_KEY = 'sam2-hint-seen';

export class Status {
  constructor(find) {
    this.line = find('status');
    this.text = find('status-text');
    this.action = find('status-action');
    this.hint = find('hint');
    this.onLost = () => {}; // called when the server no longer knows the video
    find('status-close').onclick = () => this.clear();
    find('hint-close').onclick = () => this.endHint();
    if (this.hintSeen()) this.hint.hidden = true;
  }

  say(text) {
    this.show(text, 'info');
  }

  /** Shows why something failed; unexpected errors also go to the console. */
  fail(error) {
    if (error.name === 'AbortError') return;
    if (error.code === 'UNKNOWN_SESSION') this.onLost();
    if (!(error instanceof Refused)) console.error(error);
    this.show(
      error instanceof Refused
        ? error.message
        : 'Something went wrong on this page. Reload it: your work is saved on the server.',
      'error',
    );
  }

  /** Shows why something was refused, with a button that helps. */
  offer(error, label, act) {
    this.fail(error);
    this.showAction(label, act);
  }

  /** Shows a sentence with a button. */
  propose(text, label, act) {
    this.say(text);
    this.showAction(label, act);
  }

  showAction(label, act) {
    this.action.textContent = label;
    this.action.onclick = act;
    this.action.hidden = false;
  }

  show(text, kind) {
    this.action.hidden = true;
    this.text.textContent = text;
    this.line.dataset.kind = kind;
    this.line.setAttribute('role', kind === 'error' ? 'alert' : 'status');
    this.line.hidden = false;
    clearTimeout(this.timer); // errors stay until dismissed
    if (kind === 'info') this.timer = setTimeout(() => this.clear(), INFO_TIME_MS);
  }

  clear() {
    clearTimeout(this.timer);
    this.line.hidden = true;
    this.text.textContent = '';
  }

  hintSeen() {
    return remembered(HINT_KEY) === '1';
  }

  endHint() {
    this.hint.hidden = true;
    remember(HINT_KEY, '1');
  }
}
