// Preview of a prompt's mask, where that is fast. For a click under the pointer the mask is
// outlined; for a prompt that is being dragged it replaces the current mask.
//
// One request is in flight at a time, and the latest prompt goes next. Previews change nothing on
// the server. They need an encoded frame; on another they wait until it is encoded ahead.

import { MaskLayer } from '../canvas/mask_layer.js';
import { postJson } from '../core/net.js';
import { candidateOf, isEmptyPrompt } from '../core/prompts.js';
import { areaOf } from '../core/rle.js';
import { remember, remembered } from '../core/storage.js';

const SLOW_MS = 120;
const TRIES = 5;
const PREVIEW_KEY = 'sam2-preview';

export class Hover {
  constructor(app, button) {
    this.app = app;
    this.button = button;
    this.unseen = new Map(); // frames that were not encoded yet when asked for
    this.wanted = null; // {project, prompt, isMoved}: what to ask for next
    this.shown = null; // {object, frame, isMoved, mask}
    button.onclick = () => this.toggle();
    this.begin();
  }

  /** On unless the user switched it off; after it was too slow, it gets another chance. */
  begin() {
    this.on = remembered(PREVIEW_KEY) !== 'off';
    this.times = [];
    this.render();
  }

  open(video) {
    this.layer = new MaskLayer(video);
    this.unseen.clear();
    this.begin();
    this.isHeld = false;
    this.end();
  }

  toggle() {
    this.on = !this.on;
    this.times = [];
    remember(PREVIEW_KEY, this.on ? 'on' : 'off');
    if (!this.on) this.end();
    this.render();
  }

  /** Previews a click of the active object at the pointer. */
  at({ x, y, other }) {
    const {
      project,
      frame,
      sign,
      stage: { video },
    } = this.app;
    const prompt = project.prompt(project.active, frame);
    const positive = other ? !sign : sign;
    const takesFromNothing =
      !positive && isEmptyPrompt(prompt) && !project.masksOn(frame).has(project.active);
    if (x < 0 || y < 0 || x > video.width || y > video.height || takesFromNothing) this.end();
    else this.want({ ...prompt, points: [...prompt.points, [x, y, positive ? 1 : 0]] }, false);
  }

  /** Previews the active object's prompt while it is dragged. */
  follow(prompt) {
    const [left, top, right, bottom] = prompt.box || [0, 0, 1, 1];
    if (left < right && top < bottom) this.want(prompt, true);
  }

  /** After a drag, keeps the preview on screen until the answer arrives. */
  async release(answer) {
    this.forget();
    this.isHeld = true;
    await answer;
    this.isHeld = false;
    this.show(null);
  }

  end() {
    if (this.isHeld) return;
    this.forget();
    this.show(null);
  }

  forget() {
    this.wanted = null;
  }

  get isBusy() {
    const { player, tracking, editing, live } = this.app;
    return player.playing || tracking.running || editing.waiting > 0 || live.isOn;
  }

  want(prompt, isMoved) {
    const { project } = this.app;
    if (this.isHeld) return;
    if (!this.on || this.isBusy || project.find(prompt.object).locked) this.end();
    else {
      this.wanted = { project, prompt, isMoved };
      this.next();
    }
  }

  /** Asks at once; on a frame that is not encoded, when it is. */
  next() {
    if (!this.isUnseen(this.wanted)) this.alone((wanted) => this.ask(wanted));
  }

  /** Asks about a frame that has been encoded now, if a preview waits for it. */
  encoded(frame) {
    this.unseen.delete(frame);
    if (this.wanted && this.wanted.prompt.frame === frame) this.next();
  }

  isUnseen({ prompt: { frame } }) {
    return this.unseen.get(frame) === this.lastAnswer(frame);
  }

  lastAnswer(frame) {
    return this.app.project.frameSequence.get(frame) || 0;
  }

  /** Runs one request at a time, then the next if something else is wanted by then. */
  async alone(act) {
    const { wanted } = this;
    if (this.asking || !wanted) return;
    this.asking = true;
    try {
      await act(wanted);
    } catch {
      this.end(); // not worth an error message: the next click reports it
    } finally {
      this.asking = false;
    }
    if (this.wanted && this.wanted !== wanted) this.next();
  }

  async ask(wanted) {
    const { project, prompt, isMoved } = wanted;
    const { object, frame } = prompt;
    const began = performance.now();
    const candidate = candidateOf(prompt, project.prompt(object, frame));
    const { counts } = await postJson(`videos/${project.video.token}/preview`, {
      ...prompt,
      candidate,
      mask: prompt.mask || null,
    });
    if (!this.isLike(wanted)) return;
    if (counts === null) {
      this.unseen.set(frame, this.lastAnswer(frame));
      this.app.encodingAhead.begin();
    } else if (!isMoved) this.note(performance.now() - began);
    if (this.wanted) this.show(counts && { object, frame, isMoved, counts });
  }

  /** Returns whether the current request belongs to the same gesture. */
  isLike({ project, prompt, isMoved }) {
    const { wanted } = this;
    return (
      wanted &&
      wanted.project === project &&
      wanted.isMoved === isMoved &&
      wanted.prompt.object === prompt.object &&
      wanted.prompt.frame === prompt.frame
    );
  }

  /** Switches previews off when answers take too long. */
  note(time) {
    this.times = [...this.times, time].slice(-TRIES);
    const middle = [...this.times].sort((a, b) => a - b)[TRIES >> 1];
    if (this.times.length < TRIES || middle <= SLOW_MS) return;
    this.on = false;
    this.end();
    this.render();
    this.app.status.say(
      `Preview was turned off: it took ${Math.round(middle)} ms here. V turns it back on.`,
    );
  }

  show(shown) {
    if (!shown && !this.shown) return;
    this.shown = shown && { ...shown, mask: { counts: shown.counts, area: areaOf(shown.counts) } };
    this.app.store.touch('gesture');
  }

  /** Returns a frame's masks with the dragged prompt's mask replaced by its preview. */
  over(masks, frame) {
    const { shown } = this;
    if (!shown || !shown.isMoved || shown.frame !== frame) return masks;
    const { object, mask } = shown;
    return new Map(masks.has(object) ? masks : [[object, mask], ...masks]).set(object, mask);
  }

  /** Draws the outline; `pen` draws in pixels of the video, each `scale` pixels of the screen. */
  draw(pen, scale) {
    const {
      shown,
      app: { frame, project },
    } = this;
    if (!shown || shown.isMoved || shown.frame !== frame) return;
    const color = this.app.colorOf(shown.object);
    const thickness = 2 / scale;
    pen.globalAlpha = 0.6;
    this.layer.draw(
      pen,
      [{ mask: shown.mask, color, thickness }],
      project.video.width,
      project.video.height,
    );
    pen.globalAlpha = 1;
  }

  render() {
    this.button.setAttribute('aria-pressed', this.on);
  }
}
