// Before and after: when a run replaces masks, the frames that change are shown, and the user keeps
// the new masks or the old ones. Keeping the old ones undoes the propagation.

import { MaskLayer } from '../canvas/mask_layer.js';
import { makeButton } from '../core/elements.js';
import { thumbnailAddress } from '../core/net.js';
import { iouOf } from '../core/rle.js';
import { isPropagation } from './steps.js';

const SAME_IOU = 0.98;
const MOST_SHOWN = 6;
const FLICKER_MS = 450;

export class Comparison {
  /** `app` gives project, frame, editing, seek, colorOf and store. */
  constructor(app, find) {
    this.app = app;
    this.find = find;
    find('keep-new').onclick = () => this.clear();
    find('keep-old').onclick = () => this.keepOld();
    find('compare-before').onclick = () => this.show(true);
    find('compare-after').onclick = () => this.show(false);
    find('compare-flicker').onclick = () => this.flicker();
    this.clear();
  }

  clear() {
    clearInterval(this.timer);
    this.timer = null;
    this.before = new Map(); // frame -> its old masks
    this.changes = [];
    this.showsOld = false;
    this.find('compare').hidden = true;
    this.app.store.touch('comparison');
  }

  get isOpen() {
    return this.changes.length > 0;
  }

  /** Remembers the frames' masks before newer ones are read. */
  note({ frames }) {
    for (const [frame] of frames) {
      const masks = this.app.project.masks.get(frame);
      if (masks && masks.size && !this.before.has(frame)) this.before.set(frame, masks);
    }
  }

  /** Shows what the finished run changed, if anything. */
  finish() {
    const { project } = this.app;
    for (const [frame, old] of this.before) {
      const masks = project.masksOn(frame);
      const likeness = [...old].map(([id, mask]) =>
        masks.has(id) ? iouOf(mask.counts, masks.get(id).counts) : 0,
      );
      const iou = Math.min(...likeness);
      if (iou < SAME_IOU) this.changes.push({ frame, iou });
    }
    if (!this.isOpen || !isPropagation(project.steps.undo)) {
      this.clear();
      return;
    }
    const count = this.changes.length;
    this.find('compare').hidden = false;
    this.find('compare-text').textContent =
      `${count} frame${count === 1 ? '' : 's'} would change; the largest changes:`;
    const most = [...this.changes]
      .sort((one, other) => one.iou - other.iou)
      .slice(0, MOST_SHOWN)
      .sort((one, other) => one.frame - other.frame);
    this.find('compare-frames').replaceChildren(...most.map(({ frame }) => this.card(frame)));
    this.render();
  }

  /** A thumbnail of a frame: old masks in white, new ones in their colours. */
  card(frame) {
    const { project } = this.app;
    const { video } = project;
    const button = makeButton('s2-change', '', `Changed: frame ${frame + 1}`, () =>
      this.app.seek(frame),
    );
    const canvas = document.createElement('canvas');
    const picture = new Image();
    canvas.width = 160;
    canvas.height = Math.max(40, Math.min(160, Math.round((160 * video.height) / video.width)));
    picture.onload = () => {
      const pen = canvas.getContext('2d');
      const { width, height } = canvas;
      const thickness = (2 * video.width) / width;
      pen.drawImage(picture, 0, 0, width, height);
      const shown = (masks, colorOf) =>
        [...masks].map(([id, mask]) => ({ mask, color: colorOf(id), thickness }));
      new MaskLayer(video).draw(
        pen,
        [
          ...shown(this.before.get(frame) || [], () => [255, 255, 255]),
          ...shown(project.masksOn(frame), this.app.colorOf.bind(this.app)),
        ],
        width,
        height,
      );
    };
    picture.src = thumbnailAddress(video, frame);
    const label = document.createElement('span');
    label.textContent = `Frame ${frame + 1}`;
    button.append(canvas, label);
    return button;
  }

  /** Returns a frame's old masks if they are shown instead of the new ones, else null. */
  oldMasksOn(frame) {
    return (this.showsOld && this.before.get(frame)) || null;
  }

  show(old) {
    clearInterval(this.timer);
    this.timer = null;
    this.showsOld = old;
    this.app.store.touch('comparison');
  }

  toggle() {
    if (this.isOpen) this.show(!this.showsOld);
  }

  flicker() {
    if (this.timer) {
      this.show(false);
      return;
    }
    this.timer = setInterval(() => {
      this.showsOld = !this.showsOld;
      this.app.store.touch('comparison');
    }, FLICKER_MS);
    this.app.store.touch('comparison');
  }

  async keepOld() {
    if (!this.isOpen) return;
    this.show(false);
    await this.app.history.go('undo');
    this.clear();
  }

  /** Any other action after the run keeps the new masks; undo still restores the old ones. */
  render() {
    const {
      find,
      app: { project },
    } = this;
    if (this.isOpen && !isPropagation(project.steps.undo)) this.clear();
    find('compare-before').setAttribute('aria-checked', this.showsOld && !this.timer);
    find('compare-after').setAttribute('aria-checked', !this.showsOld && !this.timer);
    find('compare-flicker').setAttribute('aria-pressed', this.timer !== null);
  }
}
