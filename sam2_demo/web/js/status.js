// One plain sentence of help or error, the first-minute hint, and small text formats.

const INFO_TIME_MS = 9000;
const HINT_KEY = 'sam2-hint-seen';

class Status {
  constructor(find) {
    this.line = find('status');
    this.text = find('status-text');
    this.action = find('status-action');
    this.hint = find('hint');
    this.onLost = () => {}; // called where the server does not know the video
    find('status-close').onclick = () => this.clear();
    find('hint-close').onclick = () => this.endHint();
    if (this.hintSeen()) this.hint.hidden = true;
  }

  say(text) {
    this.show(text, 'info');
  }

  /** Shows why something failed; an error that is no refusal is also left for the console. */
  fail(error) {
    if (error.name === 'AbortError') return;
    if (error.code === 'UNKNOWN_SESSION') this.onLost();
    if (!(error instanceof Refused)) console.error(error);
    this.show(error instanceof Refused ? error.message
      : 'Something went wrong on this page: reload it; your work is kept on the server.', 'error');
  }

  /** Shows why something was refused, and a button for what can be done about it. */
  offer(error, label, act) {
    this.fail(error);
    this.showAction(label, act);
  }

  /** Shows a sentence, and a button for what can be done about it. */
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
    clearTimeout(this.timer); // what went wrong stays until it is read
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

/** Returns what this browser was told to remember, null where it was not or may not. */
function remembered(key) {
  try { return localStorage.getItem(key); } catch (error) { return null; }
}

function remember(key, text) {
  try { localStorage.setItem(key, text); } catch (error) { /* a private window */ }
}

function showMeter(meter, done, total) {
  meter.hidden = false;
  const known = total > 0;
  meter.classList.toggle('s2-unknown', !known);
  const share = known ? Math.min(1, done / total) : 0;
  meter.firstElementChild.style.width = known ? `${(100 * share).toFixed(1)}%` : '';
  if (known) meter.setAttribute('aria-valuenow', Math.round(100 * share));
  else meter.removeAttribute('aria-valuenow');
}

function formatTime(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

function formatLeft(seconds) {
  if (seconds < 1) return 'less than a second left';
  if (seconds < 90) return `${Math.round(seconds)} s left`;
  return `${Math.round(seconds / 60)} min left`;
}

function formatBytes(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** Says in words what a report of long work means. */
function stageText({ stage, done, total, before }) {
  if (stage === 'packing') return `Packing picture ${done} of ${total}`;
  if (stage === 'uploading') return `Uploading: ${formatBytes(done)} of ${formatBytes(total)}`;
  if (stage === 'waiting') return `Waiting for ${before} ${before === 1 ? 'other' : 'others'} to finish`;
  if (stage === 'reading' && !done) return 'Opening the video';
  if (stage === 'reading') return total ? `Reading frame ${done} of ${total}` : `Reading frame ${done}`;
  if (stage === 'replaying') return 'The new model answers your prompts';
  if (stage === 'model') {
    if (total > 1) return `Fetching the model: ${formatBytes(done)} of ${formatBytes(total)}`;
    return 'Loading the model';
  }
  return 'Working';
}
