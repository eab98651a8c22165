// Trimming a clip before it is opened: two handles over the local file, or two numbers.

const TRIM_STEP_S = 0.01;

export class Trim {
  constructor(find) {
    this.find = find;
    this.dialog = find('trim-dialog');
    this.video = find('trim-video');
    this.start = find('trim-start');
    this.length = find('trim-length');
    this.handles = [find('trim-from'), find('trim-to')];
    this.start.oninput = () => this.showNumbers(this.start);
    this.length.oninput = () => this.showNumbers(this.length);
    this.handles.forEach((handle, place) => {
      handle.oninput = () => this.slide(place);
    });
    this.video.onloadedmetadata = () => this.showPlayable();
    this.video.onerror = () => this.showUnplayable();
    this.dialog.onclose = () => this.forget();
    find('trim-cancel').onclick = () => this.dialog.close();
    find('trim-form').onsubmit = () => this.submit();
  }

  /** Asks for a part of a file; `onChoice` receives the fields that name it. */
  ask(file, onChoice) {
    this.onChoice = onChoice;
    this.start.value = '0';
    this.length.value = '';
    this.duration = 0;
    this.showUnplayable();
    this.address = URL.createObjectURL(file);
    this.video.src = this.address;
    this.dialog.showModal();
    this.start.select();
  }

  showPlayable() {
    const { duration, videoWidth } = this.video;
    if (!Number.isFinite(duration) || !videoWidth) return; // recordings have no duration
    this.duration = duration;
    this.length.value = duration.toFixed(2);
    for (const handle of this.handles) handle.max = duration;
    this.start.max = Math.max(0, duration - TRIM_STEP_S).toFixed(2);
    this.find('trim-preview').hidden = false;
    this.find('trim-text').textContent = `The clip is ${duration.toFixed(1)} s long.`;
    this.showHandles();
  }

  showUnplayable() {
    this.find('trim-preview').hidden = true;
    this.start.max = '';
    this.find('trim-text').textContent =
      'Which part of the clip should open? Without a length it goes to the end; a long video opens in parts, one after another.';
  }

  numbers() {
    const start = Math.max(0, Number(this.start.value) || 0);
    const length = Number(this.length.value) || Math.max(0, this.duration - start);
    return { start, end: start + length };
  }

  slide(place) {
    const [from, to] = this.handles.map((handle) => Number(handle.value));
    const start = place === 0 ? Math.min(from, to - TRIM_STEP_S) : from;
    const end = place === 1 ? Math.max(to, from + TRIM_STEP_S) : to;
    this.start.value = Math.max(0, start).toFixed(2);
    this.length.value = (end - Math.max(0, start)).toFixed(2);
    this.showHandles();
    this.video.currentTime = place === 0 ? start : end;
  }

  showNumbers(field) {
    if (!this.duration) return;
    const { start, end } = this.numbers();
    this.showHandles();
    this.video.currentTime = Math.min(this.duration, field === this.start ? start : end);
  }

  showHandles() {
    const { start, end } = this.numbers();
    const [from, to] = this.handles;
    from.value = start;
    to.value = end;
    const share = (time) => `${(100 * Math.min(1, time / this.duration)).toFixed(2)}%`;
    const range = this.find('trim-range');
    range.style.setProperty('--s2-from', share(start));
    range.style.setProperty('--s2-to', share(end));
  }

  submit() {
    const length_s = this.length.value === '' ? null : Number(this.length.value);
    const start_s = Number(this.start.value) || 0;
    const { onChoice } = this;
    this.dialog.close();
    onChoice({ start_s, length_s });
  }

  forget() {
    this.video.removeAttribute('src');
    this.video.load();
    URL.revokeObjectURL(this.address);
  }
}
