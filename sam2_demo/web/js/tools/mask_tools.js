// Brush, eraser and lasso: they draw on the active object's mask of this frame.

import { MaskEdit } from './mask_edit.js';

const CLOSE_PX = { mouse: 12, touch: 22 }; // a click this near to its start or end closes a lasso

/** What brush and lasso share: the mask being drawn on, from the first touch to the answer. */
class MaskTool {
  /** `app` gives project, frame, masksShown, colorOf, editing, stage and tools. */
  constructor(app) {
    this.app = app;
    this.edit = null;
  }

  start() {
    const { app } = this;
    const { project, frame } = app;
    const mask = project.masksOn(frame).get(project.active);
    app.showMasks();
    this.edit = new MaskEdit(project.video, mask ? mask.counts : null, app.colorOf(project.active));
    this.of = { object: project.active, frame };
    app.stage.drawn = { ...this.of, edit: this.edit };
  }

  finish() {
    const counts = this.edit.counts;
    const { object, frame } = this.of;
    this.drop();
    this.app.editing.drawMask(counts, object, frame);
  }

  drop() {
    this.edit = this.app.stage.drawn = null;
  }

  hover() {}

  leave() {}
}

export class BrushTool extends MaskTool {
  constructor(app, erases) {
    super(app);
    this.erases = erases;
  }

  begin(press) {
    const adds = this.erases === press.other;
    const radius = this.app.tools.size / 2;
    let last = press;
    this.start();
    this.edit.stroke(press, press, radius, adds);
    this.hover(press);
    return {
      move: (next) => {
        this.edit.stroke(last, next, radius, adds);
        last = next;
        this.hover(next);
      },
      end: () => this.finish(),
      cancel: () => this.drop(),
    };
  }

  /** Shows the brush's size as a ring around the pointer. */
  hover({ left, top, touch }) {
    const { stage, tools } = this.app;
    const width = Math.max(3, tools.size * stage.view.scale);
    const ring = tools.ring;
    stage.canvas.style.cursor = width < 8 ? 'crosshair' : 'none';
    ring.hidden = Boolean(touch);
    ring.style.width = ring.style.height = `${width}px`;
    ring.style.left = `${stage.canvas.offsetLeft + left}px`;
    ring.style.top = `${stage.canvas.offsetTop + top}px`;
  }

  leave() {
    this.app.tools.ring.hidden = true;
  }
}

/** Drag freehand, or click corners; Enter, a double click or a click on the start closes it. */
export class LassoTool extends MaskTool {
  constructor(app) {
    super(app);
    this.path = [];
  }

  begin(press) {
    if (!this.path.length) this.beginPath(press);
    const { path } = this;
    const ends = path.length > 2 ? [path[0], path[path.length - 1]] : [];
    const closes = ends.some((end) => this.isNear(end, press));
    if (!closes) this.path.push(press);
    return {
      move: (next) => {
        if (next.far) this.path.push(next);
        else this.tip = next;
      },
      end: (last) => {
        const isFree = last.far && this.path.length > 2;
        if (closes || isFree) this.enter();
      },
      cancel: () => this.escape(),
    };
  }

  beginPath(press) {
    const { project, frame, sign, stage } = this.app;
    this.adds = press.other ? !sign : sign;
    this.around = `${project.active}:${frame}`;
    stage.path = this;
  }

  isNear(corner, { left, top, touch }) {
    const { x, y } = this.app.stage.view.toCanvas(corner.x, corner.y);
    return Math.hypot(left - x, top - y) <= CLOSE_PX[touch ? 'touch' : 'mouse'];
  }

  /** Closes the path; returns whether there was one. */
  enter() {
    const { path, adds } = this;
    if (path.length < 3) return this.escape();
    this.escape();
    this.start();
    this.edit.polygon(path, adds);
    this.finish();
    return true;
  }

  /** Forgets the path; returns whether there was one. */
  escape() {
    const had = this.path.length > 0;
    this.path = [];
    this.app.stage.path = this.tip = null;
    this.app.store.touch('gesture');
    return had;
  }

  hover(press) {
    this.app.stage.canvas.style.cursor = 'crosshair';
    if (!this.path.length) return;
    this.tip = press;
    this.app.store.touch('gesture');
  }

  /** Draws the path so far; it belongs to one object on one frame. */
  draw(pen, scale) {
    const { project, frame } = this.app;
    if (this.around !== `${project.active}:${frame}`) {
      this.escape();
      return;
    }
    const places = this.tip ? [...this.path, this.tip] : this.path;
    pen.beginPath();
    for (const { x, y } of places) pen.lineTo(x, y);
    for (const [color, width, dash] of [
      ['rgba(0, 0, 0, 0.6)', 4, []],
      [this.adds ? `rgb(${this.app.colorOf(project.active).join(',')})` : '#fff', 2, [6, 4]],
    ]) {
      pen.strokeStyle = color;
      pen.lineWidth = width / scale;
      pen.setLineDash(dash.map((length) => length / scale));
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.beginPath();
    pen.arc(this.path[0].x, this.path[0].y, 5 / scale, 0, 2 * Math.PI);
    pen.fillStyle = '#fff';
    pen.fill();
    pen.stroke();
  }
}
