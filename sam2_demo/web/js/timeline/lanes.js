// One lane for each object: where it is visible, and how sure the model is.
//
// Each frame is kept as one number, and only columns whose frames changed are redrawn, so that a
// long video with many objects costs no more than what changes.

import { confidenceOf } from './confidence.js';

export const LANE = 14;
const LANE_GAP = 3;
const LANES_TOP = 4;
const UNKNOWN = -1;
const HIDDEN = 0;

export class Lanes {
  constructor(scroller, canvas, colorOf, nameOf) {
    this.scroller = scroller;
    this.canvas = canvas;
    this.colorOf = colorOf;
    this.nameOf = nameOf;
    scroller.addEventListener('scroll', () => this.redraw());
  }

  open(video) {
    this.frames = video.frames;
    this.seen = new Array(video.frames).fill(null);
    this.levels = new Map();
    this.drawn = '';
    this.active = 0;
  }

  top(lane) {
    return LANES_TOP + lane * (LANE + LANE_GAP);
  }

  /** Returns the index of the lane at a height in the window; it may not exist. */
  laneAt(clientY) {
    const y = clientY - this.canvas.getBoundingClientRect().top + this.scroller.scrollTop;
    return Math.floor((y - LANES_TOP + LANE_GAP / 2) / (LANE + LANE_GAP));
  }

  draw(project, axis, width) {
    this.project = project;
    this.axis = axis;
    this.width = width;
    this.scroller.style.height = `${this.top(project.objects.length) + 2}px`;
    if (width) this.showActive(project, this.scroller.clientHeight);
    this.redraw();
  }

  /** Redraws what changed, within the size of the last full draw. */
  redraw() {
    const { project } = this;
    if (!project || !this.width) return;
    const changed = this.takeIn(project);
    const style = getComputedStyle(this.canvas);
    const height = this.scroller.clientHeight;
    this.paint = { lane: style.getPropertyValue('--s2-lane'), text: style.color };
    const wanted = [
      this.width,
      height,
      this.scroller.scrollTop,
      project.active,
      ...Object.values(this.paint),
      ...project.objects.map(({ id }) => `${id}:${this.colorOf(id)}`),
    ].join(' ');
    if (wanted !== this.drawn) {
      this.drawn = wanted;
      this.size(height);
      this.drawColumns(0, this.frames - 1);
    } else if (changed) this.drawColumns(...changed);
  }

  size(height) {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.getContext('2d').scale(ratio, ratio);
  }

  /** Scrolls to the active object after it changed. */
  showActive(project, height) {
    if (this.active === project.active) return;
    this.active = project.active;
    const top = this.top(project.objects.findIndex(({ id }) => id === this.active));
    const { scrollTop } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top - LANES_TOP;
    else if (top + LANE > scrollTop + height) this.scroller.scrollTop = top + LANE + 4 - height;
  }

  /** Reads new masks; returns the first and last frame that changed, or null. */
  takeIn(project) {
    let first = this.frames;
    let last = -1;
    for (let frame = 0; frame < this.frames; frame++) {
      const masks = project.masks.get(frame);
      if (!masks || this.seen[frame] === masks) continue;
      for (const id of (this.seen[frame] || new Map()).keys()) {
        if (!masks.has(id)) this.levelsOf(id)[frame] = UNKNOWN;
      }
      for (const [id, mask] of masks) this.levelsOf(id)[frame] = levelOf(mask);
      this.seen[frame] = masks;
      first = Math.min(first, frame);
      last = frame;
    }
    return last < 0 ? null : [first, last];
  }

  levelsOf(id) {
    if (!this.levels.has(id)) this.levels.set(id, new Int8Array(this.frames).fill(UNKNOWN));
    return this.levels.get(id);
  }

  /** Redraws the visible lanes between two frames. */
  drawColumns(first, last) {
    const { axis, scroller } = this;
    const pen = this.canvas.getContext('2d');
    const from = Math.floor(axis.left(first));
    const to = Math.ceil(axis.left(last + 1));
    const all = first === 0 && last === this.frames - 1;
    if (all) pen.clearRect(0, 0, this.width, scroller.clientHeight);
    this.project.objects.forEach(({ id }, lane) => {
      const top = this.top(lane) - scroller.scrollTop;
      if (top + LANE < 0 || top > scroller.clientHeight) return;
      if (all) this.drawNumber(pen, id, top);
      pen.clearRect(from, top, to - from, LANE);
      pen.fillStyle = this.paint.lane;
      pen.fillRect(from, top, to - from, LANE);
      pen.fillStyle = `rgb(${this.colorOf(id).join(',')})`;
      if (this.levels.has(id)) this.drawLevels(pen, this.levels.get(id), from, to, top);
    });
  }

  drawNumber(pen, id, top) {
    const active = id === this.project.active;
    pen.fillStyle = this.paint.text;
    pen.globalAlpha = active ? 1 : 0.65;
    pen.font = `${active ? '700' : '400'} 10.5px system-ui, sans-serif`;
    pen.textAlign = 'right';
    pen.fillText(id, this.axis.start - 6, top + LANE - 3);
    pen.globalAlpha = 1;
  }

  /** Draws confidence as height; columns of equal height are drawn in one go. */
  drawLevels(pen, levels, from, to, top) {
    let began = from;
    let current = this.heightAt(levels, from);
    for (let x = from + 1; x <= to; x++) {
      const height = x < to ? this.heightAt(levels, x) : -1;
      if (height === current) continue;
      if (current > 0) pen.fillRect(began, top + LANE - current, x - began, current);
      began = x;
      current = height;
    }
  }

  /** Returns the height of a column: that of its least confident frame. */
  heightAt(levels, x) {
    const first = this.axis.frameAt(x);
    const last = Math.max(first, this.axis.frameAt(x + 0.99));
    let least = Infinity;
    let hidden = false;
    for (let frame = first; frame <= last; frame++) {
      if (levels[frame] === HIDDEN) hidden = true;
      else if (levels[frame] > 0) least = Math.min(least, levels[frame]);
    }
    if (least < Infinity) return Math.max(4, Math.round((LANE * least) / 100));
    return hidden ? 1.5 : 0;
  }

  /** Describes a lane's state on a frame in words. */
  describe(lane, frame) {
    const object = this.project.objects[lane];
    if (!object) return '';
    const mask = this.project.masksOn(frame).get(object.id);
    const state = !mask
      ? 'no mask'
      : `${mask.area ? 'visible' : 'hidden'}, ${Math.round(100 * confidenceOf(mask))} % sure`;
    return `${this.nameOf(object)}, frame ${frame + 1}: ${state}`;
  }
}

function levelOf(mask) {
  return mask.area ? Math.max(1, Math.round(100 * confidenceOf(mask))) : HIDDEN;
}
