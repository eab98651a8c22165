// Preview: the mask that a click would give is outlined under the pointer, where that is quick.
//
// One question is on its way at a time, and the latest place is asked for next. The server only
// answers on frames that the model has seen already, and nothing there is changed by asking.

const SLOW_MS = 120;
const TRIES = 5;
const PREVIEW_KEY = 'sam2-preview';

class Hover {
  constructor(app, button) {
    this.app = app;
    this.button = button;
    this.unseen = new Map(); // frames that the model had not seen when they were asked for
    this.times = [];
    this.wanted = this.place = this.counts = null;
    this.on = remembered(PREVIEW_KEY) !== 'off';
    button.onclick = () => this.toggle();
    this.render();
  }

  open(video) {
    this.layer = new MaskLayer(video);
    this.unseen.clear();
    this.end();
  }

  toggle() {
    this.on = !this.on;
    this.times = [];
    remember(PREVIEW_KEY, this.on ? 'on' : 'off');
    if (!this.on) this.end();
    this.render();
  }

  at({ x, y }) {
    const { frame, sign, player, tracking, editing, stage } = this.app, { video } = stage;
    const outside = x < 0 || y < 0 || x > video.width || y > video.height;
    const busy = player.playing || tracking.running || editing.waiting > 0;
    const unseen = this.unseen.get(frame) === this.lastAnswer(frame);
    if (!this.on || !sign || outside || busy || unseen) return this.end();
    this.place = { frame, x, y };
    this.ask();
    return undefined;
  }

  lastAnswer(frame) {
    return this.app.project.frameSequence.get(frame) || 0;
  }

  async ask() {
    const { place } = this, { project } = this.app;
    if (this.asking || !place || !project) return;
    this.asking = true;
    const began = performance.now();
    try {
      const { counts } = await postJson(`videos/${project.video.token}/preview`, place);
      if (counts === null) this.unseen.set(place.frame, this.lastAnswer(place.frame));
      else this.note(performance.now() - began);
      this.show(this.place && this.place.frame === place.frame && this.on ? counts : null);
    } catch (error) {
      this.end(); // a preview is no reason to bother anybody: the next click says what is wrong
    } finally {
      this.asking = false;
    }
    if (this.place !== place) this.ask();
  }

  /** Switches itself off where an answer takes longer than a moment. */
  note(time) {
    this.times = [...this.times, time].slice(-TRIES);
    const middle = [...this.times].sort((a, b) => a - b)[TRIES >> 1];
    if (this.times.length < TRIES || middle <= SLOW_MS) return;
    this.on = false;
    this.end();
    this.render();
    this.app.status.say(`Preview is off: it took ${Math.round(middle)} ms here. V switches it on.`);
  }

  end() {
    this.place = null;
    this.show(null);
  }

  show(counts) {
    if (this.counts === counts) return;
    this.counts = counts;
    this.mask = counts && { counts };
    this.app.render();
  }

  /** Draws the outline; `pen` draws in pixels of the video, `scale` of them make one of the screen. */
  draw(pen, scale) {
    const { frame, project } = this.app;
    if (!this.mask || !this.place || this.place.frame !== frame) return;
    const color = this.app.colorOf(project.active), thickness = 2 / scale;
    pen.globalAlpha = 0.6;
    this.layer.draw(pen, [{ mask: this.mask, color, thickness }], project.video.width, project.video.height);
    pen.globalAlpha = 1;
  }

  render() {
    this.button.setAttribute('aria-pressed', this.on);
  }
}
