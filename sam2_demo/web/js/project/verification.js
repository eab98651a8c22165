// Verifying another person's masklet: it plays as a loop, and a key gives the verdict.

import { MaskLayer } from '../canvas/mask_layer.js';
import { isTyping } from '../core/elements.js';
import { address, getJson, postJson } from '../core/net.js';
import { Player } from '../timeline/player.js';

const LOOP_PAUSE_MS = 400;
const OUTLINE_SHARE = 1 / 400; // of the longer side
const SIDE = 1280;

export class Verification {
  /** `show()` shows this view; `done()` is called after the verdict. */
  constructor(app, skip, show, done) {
    Object.assign(this, { app, show, done, task: null, marks: new Set(), frame: 0 });
    const { find } = app;
    this.canvas = find('verify-canvas');
    this.player = new Player(
      (frame) => this.draw(frame),
      (frame) => this.isLoaded(frame),
      (playing) => this.onPlaying(playing),
    );
    find('verify-play').onclick = () => this.togglePlay();
    find('verify-mark').onclick = () => this.toggleMark();
    find('verify-seek').oninput = (event) => this.seek(Number(event.target.value));
    find('verify-skip').onclick = () =>
      skip.ask(
        this.task,
        () => this.close(),
        (error) => app.status.fail(error),
      );
    for (const button of find('verify').querySelectorAll('[data-verdict]')) {
      button.onclick = () => this.judge(button.dataset.verdict);
    }
    window.addEventListener('keydown', (event) => this.onKey(event), { capture: true });
  }

  async open(task) {
    const path = `project/tasks/${task.task_id}`;
    const masklet = await getJson(`${path}/masklet`);
    Object.assign(this, { task, masklet, marks: new Set(), opened: performance.now() });
    const shrink = Math.min(1, SIDE / Math.max(masklet.width, masklet.height));
    this.canvas.width = Math.max(1, Math.round(masklet.width * shrink));
    this.canvas.height = Math.max(1, Math.round(masklet.height * shrink));
    this.layer = new MaskLayer(masklet, SIDE);
    this.pictures = masklet.frame_times_s.map((_, frame) => {
      const picture = new Image();
      picture.onload = () => frame === this.frame && this.draw(frame);
      picture.src = address(`${path}/frames/${frame}.jpg`);
      return picture;
    });
    const { find } = this.app;
    find('verify-name').textContent = `Task ${task.task_id}: ${masklet.name} (${task.phase_name})`;
    find('verify-seek').max = masklet.frame_times_s.length - 1;
    find('verify-hard').checked = false;
    this.show();
    this.draw(0);
    this.togglePlay();
  }

  isLoaded(frame) {
    return Boolean(this.pictures[frame] && this.pictures[frame].complete);
  }

  draw(frame) {
    this.frame = frame;
    const { canvas, masklet } = this;
    const { find } = this.app;
    const { width, height } = canvas;
    const pen = canvas.getContext('2d');
    if (this.isLoaded(frame) && this.pictures[frame].naturalWidth) {
      pen.drawImage(this.pictures[frame], 0, 0, width, height);
    }
    const counts = masklet.masks[frame];
    const thickness = Math.max(1, Math.max(masklet.width, masklet.height) * OUTLINE_SHARE);
    const [[, color]] = this.app.settings.colors;
    const shown = counts ? [{ mask: { counts }, color, thickness }] : [];
    this.layer.draw(pen, shown, width, height);
    canvas.dataset.frame = frame;
    find('verify-seek').value = frame;
    find('verify-frame').textContent = `Frame ${frame + 1} of ${masklet.frame_times_s.length}`;
    find('verify-mark').setAttribute('aria-pressed', this.marks.has(frame));
    const marked = [...this.marks].sort((one, other) => one - other).map((mark) => mark + 1);
    find('verify-marks').textContent = marked.length ? `Marked: ${marked.join(', ')}` : '';
  }

  onPlaying(playing) {
    this.app.find('verify-play').textContent = playing ? 'Pause' : 'Play';
    const isAtEnd = this.task && this.frame >= this.masklet.frame_times_s.length - 1;
    clearTimeout(this.looping);
    if (!playing && isAtEnd && !this.isPaused) {
      this.looping = setTimeout(() => this.play(), LOOP_PAUSE_MS);
    }
  }

  play() {
    if (this.task) this.player.start(this.masklet.frame_times_s, this.frame);
  }

  togglePlay() {
    this.isPaused = this.player.playing;
    if (this.isPaused) this.player.stop();
    else this.play();
  }

  seek(frame) {
    this.isPaused = true;
    clearTimeout(this.looping);
    this.player.stop();
    this.draw(Math.max(0, Math.min(this.masklet.frame_times_s.length - 1, frame)));
  }

  toggleMark() {
    if (!this.marks.delete(this.frame)) this.marks.add(this.frame);
    this.seek(this.frame);
  }

  onKey(event) {
    const isText = isTyping(event.target) && event.target.type !== 'range';
    const isOther = event.ctrlKey || event.metaKey || event.altKey || isText;
    if (!this.task || isOther || document.querySelector('dialog[open]')) return;
    const hard = this.app.find('verify-hard');
    const act = {
      s: () => this.judge('satisfactory'),
      u: () => this.judge('unsatisfactory'),
      n: () => this.judge('not an object'),
      m: () => this.toggleMark(),
      h: () => (hard.checked = !hard.checked),
      ' ': () => this.togglePlay(),
      ArrowLeft: () => this.seek(this.frame - 1),
      ArrowRight: () => this.seek(this.frame + 1),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  async judge(verdict) {
    const { app, task } = this;
    app.status.clear();
    try {
      await postJson(`project/tasks/${task.task_id}/verdict`, {
        verdict,
        marks: verdict === 'unsatisfactory' ? [...this.marks] : [],
        seconds: (performance.now() - this.opened) / 1000,
        hard: app.find('verify-hard').checked,
      });
      await this.close();
      app.status.say(`Said: ${verdict}.`);
    } catch (error) {
      app.status.fail(error);
    }
  }

  async close() {
    clearTimeout(this.looping);
    this.task = null;
    this.player.stop();
    await this.done();
  }
}
