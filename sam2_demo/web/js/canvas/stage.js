// The picture: frame, masks, prompts and what is being drawn, on one canvas.

import { handlesOf } from './box_handles.js';
import { MaskLayer } from './mask_layer.js';
import { Pointer } from './pointer.js';
import { View } from './view.js';

const OUTLINE_PX = 1.7;
const POINT_RADIUS = 8;
const PLUS_COLOR = '#15803d';
const MINUS_COLOR = '#c81e3a';
const HANDLE_PX = 9;

export class Stage {
  /** `act` is what the pointer needs, and resized(), called when the canvas changes size. */
  constructor(element, canvas, colorOf, act) {
    this.element = element;
    this.canvas = canvas;
    this.colorOf = colorOf;
    this.act = act;
    this.view = new View();
    this.pointer = new Pointer(element, canvas, this.view, act);
    this.boxDelete = element.querySelector('[data-id="box-delete"]');
    this.drawn = null; // {object, frame, edit}: a mask that is being drawn on
    this.draft = null; // the active object's prompt while it is being moved
    this.path = null; // a lasso that is not closed yet
  }

  open(video) {
    this.video = video;
    this.view.open(video);
    this.masks = new MaskLayer(video);
    this.fineMasks = null;
    this.drawn = this.draft = this.path = null;
    this.canvas.style.aspectRatio = `${video.width} / ${video.height}`;
    this.element.style.setProperty('--s2-aspect', video.width / video.height);
  }

  /**
   * Draws everything. `scene` holds the frame's image, masks and prompts, the active object,
   * whether its box has handles, and what draws a preview.
   */
  draw(scene) {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(box.width * ratio);
    const height = Math.round(box.height * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    if (this.view.resize(box.width, box.height)) this.act.resized();
    const { left, top, scale } = this.view;
    const pen = this.canvas.getContext('2d');
    pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * left, ratio * top);
    // Close up, pixels stay sharp.
    pen.imageSmoothingEnabled = ratio * scale * this.video.width < 3 * scene.picture.width;
    pen.drawImage(scene.picture, 0, 0, this.video.width, this.video.height);
    this.drawMasks(pen, scene);
    if (this.drawn && this.drawn.frame === scene.frame) this.drawn.edit.draw(pen);
    if (this.path) this.path.draw(pen, scale);
    scene.preview.draw(pen, scale);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawPrompts(pen, scene);
  }

  drawMasks(pen, { masks, active, frame }) {
    const isDrawn = (id) => this.drawn && this.drawn.object === id && this.drawn.frame === frame;
    const shown = [...masks]
      .reverse() // the first is on top
      .filter(([id]) => !isDrawn(id))
      .map(([id, mask]) => ({
        mask,
        color: this.colorOf(id),
        thickness: (OUTLINE_PX / this.view.scale) * (id === active ? 1.6 : 1),
      }));
    this.layer().draw(pen, shown, this.video.width, this.video.height);
  }

  /** Zoomed in on a large video, masks are drawn at full resolution. */
  layer() {
    if (this.masks.step === 1 || this.view.zoom === 1) return this.masks;
    if (!this.fineMasks) this.fineMasks = new MaskLayer(this.video, Infinity);
    return this.fineMasks;
  }

  drawPrompts(pen, { prompts, active, holds }) {
    const isDraft = (prompt) => this.draft && prompt.object === this.draft.object;
    const shown = prompts.filter((prompt) => !isDraft(prompt));
    if (this.draft) shown.push(this.draft);
    let held = null;
    for (const prompt of shown) {
      const isActive = prompt.object === active;
      pen.globalAlpha = isActive ? 1 : 0.55;
      if (prompt.box) this.drawBox(pen, prompt.box, this.colorOf(prompt.object));
      if (prompt.box && isActive && holds) held = prompt.box;
      for (const [x, y, positive] of prompt.points) {
        this.drawPoint(pen, this.view.toCanvas(x, y), positive);
      }
    }
    pen.globalAlpha = 1;
    if (held) this.drawHandles(pen, held);
    this.placeBoxDelete(this.draft ? null : held);
  }

  drawBox(pen, [x0, y0, x1, y1], color) {
    const from = this.view.toCanvas(x0, y0);
    const to = this.view.toCanvas(x1, y1);
    const rect = [from.x, from.y, to.x - from.x, to.y - from.y];
    pen.lineWidth = 3;
    pen.strokeStyle = 'rgba(0, 0, 0, 0.55)';
    pen.strokeRect(...rect);
    pen.lineWidth = 2;
    pen.setLineDash([7, 4]);
    pen.strokeStyle = `rgb(${color.join(',')})`;
    pen.strokeRect(...rect);
    pen.setLineDash([]);
  }

  drawHandles(pen, box) {
    pen.fillStyle = '#fff';
    pen.strokeStyle = '#0d1117';
    pen.lineWidth = 1;
    for (const { x, y } of handlesOf(box, this.view)) {
      const place = [
        Math.round(x - HANDLE_PX / 2),
        Math.round(y - HANDLE_PX / 2),
        HANDLE_PX,
        HANDLE_PX,
      ];
      pen.fillRect(...place);
      pen.strokeRect(...place);
    }
  }

  /** Puts the button that deletes a box just outside its upper right corner, if that is visible. */
  placeBoxDelete(box) {
    this.boxDelete.hidden = !box;
    if (!box) return;
    const { canvas, boxDelete } = this;
    const { x, y } = this.view.toCanvas(box[2], box[1]);
    const half = boxDelete.offsetWidth / 2;
    const inside = (at, most) => Math.max(half, Math.min(most - half, at));
    boxDelete.style.left = `${canvas.offsetLeft + inside(x + half + 6, this.view.width)}px`;
    boxDelete.style.top = `${canvas.offsetTop + inside(y - half - 6, this.view.height)}px`;
  }

  drawPoint(pen, { x, y }, positive) {
    pen.beginPath();
    pen.arc(x, y, POINT_RADIUS, 0, 2 * Math.PI);
    pen.fillStyle = positive ? PLUS_COLOR : MINUS_COLOR;
    pen.fill();
    pen.lineWidth = 2;
    pen.strokeStyle = '#fff';
    pen.stroke();
    pen.beginPath();
    pen.moveTo(x - 4, y);
    pen.lineTo(x + 4, y);
    if (positive) {
      pen.moveTo(x, y - 4);
      pen.lineTo(x, y + 4);
    }
    pen.stroke();
  }
}
