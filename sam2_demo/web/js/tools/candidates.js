// A single click can be ambiguous: the candidate masks to choose from, below the image.

import { MaskLayer } from '../canvas/mask_layer.js';
import { postJson } from '../core/net.js';
import { samePoints } from '../core/prompts.js';
import { areaOf, boxOf } from '../core/rle.js';

const THUMBNAIL = { width: 66, height: 42 };
const AROUND = 1.25; // a thumbnail shows this much more than the largest candidate

export class Candidates {
  constructor(app, panel) {
    this.app = app;
    this.panel = panel;
    this.hide();
  }

  hide() {
    this.of = null;
    this.panel.hidden = true;
  }

  /** Returns whether a prompt is a single positive click and nothing else. */
  isAmbiguous({ points, box, mask }) {
    return points.length === 1 && points[0][2] === 1 && !box && !mask;
  }

  /** Shows the candidates for an object's click on a frame, if there are several. */
  async offer(object = this.app.project.active, frame = this.app.frame) {
    const { project, status, live } = this.app;
    const prompt = project.prompt(object, frame);
    if (!this.isAmbiguous(prompt) || live.isOn) return; // the frame would be gone
    try {
      const path = `videos/${project.video.token}/candidates`;
      const { candidates } = await postJson(path, { object, frame });
      const now = project === this.app.project && project.prompt(object, frame);
      if (candidates.length < 2 || !now || !samePoints(now, prompt)) return;
      this.of = { object, frame, points: prompt.points };
      this.offered = candidates.map(([number, counts, iou]) => ({ number, counts, iou }));
      const boxes = this.offered.map(({ counts }) => boxOf(counts, project.video.height));
      this.box = [Math.min, Math.min, Math.max, Math.max].map((extreme, side) =>
        extreme(...boxes.map((box) => box[side])),
      );
      this.fill();
      this.app.store.touch('candidates');
    } catch (error) {
      status.fail(error);
    }
  }

  /** The current candidate: the chosen one, else the first, which has the highest IoU. */
  get chosen() {
    const { object, frame } = this.of;
    const { candidate } = this.app.project.prompt(object, frame);
    const place = this.offered.findIndex(({ number }) => number === candidate);
    return Math.max(0, place);
  }

  choose(place) {
    const { object, frame } = this.of;
    this.app.editing.chooseCandidate(object, frame, this.offered[place]);
    this.render();
  }

  /** Chooses the next or previous candidate; if none are shown yet, fetches them first. */
  async cycle(step) {
    if (!this.isShown()) return this.offer();
    const count = this.offered.length;
    return this.choose((this.chosen + step + count) % count);
  }

  isShown() {
    const { project, frame } = this.app;
    return (
      this.of !== null &&
      this.of.object === project.active &&
      this.of.frame === frame &&
      samePoints(project.prompt(project.active, frame), this.of)
    );
  }

  fill() {
    const list = this.panel.querySelector('[data-id="candidate-list"]');
    const area = this.cropArea();
    list.replaceChildren(
      ...this.offered.map(({ counts, iou }, place) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.setAttribute('role', 'radio');
        const share =
          (100 * areaOf(counts)) / (this.app.stage.video.width * this.app.stage.video.height);
        button.setAttribute(
          'aria-label',
          `Mask ${place + 1} of ${this.offered.length}: ` +
            `IoU ${iou.toFixed(2)}, ${share.toFixed(1)} % of the image`,
        );
        const note = document.createElement('span');
        note.textContent = `IoU ${iou.toFixed(2)}`;
        button.append(this.thumbnail(counts, area), note);
        button.onclick = () => this.choose(place);
        return button;
      }),
    );
  }

  /** The part of the frame that holds all candidates, with a thumbnail's aspect ratio. */
  cropArea() {
    const { width, height } = this.app.stage.video;
    const [left, top, right, bottom] = this.box;
    const shape = THUMBNAIL.width / THUMBNAIL.height;
    const wide = AROUND * Math.max(right - left, (bottom - top) * shape, 24);
    const scale = Math.min(1, width / wide, (height * shape) / wide) * wide;
    const x = Math.max(0, Math.min(width - scale, (left + right - scale) / 2));
    const y = Math.max(0, Math.min(height - scale / shape, (top + bottom - scale / shape) / 2));
    return { x, y, scale: THUMBNAIL.width / scale };
  }

  thumbnail(counts, { x, y, scale }) {
    const { project, frame, cache } = this.app;
    const { video } = project;
    const canvas = document.createElement('canvas');
    const ratio = Math.max(2, window.devicePixelRatio || 1);
    canvas.width = THUMBNAIL.width * ratio;
    canvas.height = THUMBNAIL.height * ratio;
    const pen = canvas.getContext('2d');
    const picture = cache.get(frame);
    pen.scale(ratio * scale, ratio * scale);
    pen.translate(-x, -y);
    if (picture) pen.drawImage(picture, 0, 0, video.width, video.height);
    const color = this.app.colorOf(project.active);
    new MaskLayer(video).draw(
      pen,
      [{ mask: { counts }, color, thickness: 2 / scale }],
      video.width,
      video.height,
    );
    return canvas;
  }

  render() {
    if (!this.of) return;
    if (!this.isShown() || !this.app.tools.isPointing) {
      this.hide();
      return;
    }
    this.panel.hidden = this.app.player.playing;
    const chosen = this.chosen;
    this.panel.querySelectorAll('[role="radio"]').forEach((button, place) => {
      button.setAttribute('aria-checked', place === chosen);
    });
  }
}
