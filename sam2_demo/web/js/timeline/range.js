// The in and out points: propagation stays between them.

import { keep, keptJson } from '../core/storage.js';

export class FrameRange {
  constructor(find, onChange) {
    this.find = find;
    this.onChange = onChange;
    this.edges = { first: find('edge-first'), last: find('edge-last') };
    for (const [name, edge] of Object.entries(this.edges)) this.listen(name, edge);
    find('range-clear').onclick = () => this.clear();
    this.open({ frames: 1 });
  }

  /** The points survive a reload of the page. */
  open(video) {
    this.frames = video.frames;
    this.key = `sam2-range-${video.token}`;
    [this.first, this.last] = keptJson(this.key) || [0, this.frames - 1];
  }

  isWhole() {
    return this.first === 0 && this.last === this.frames - 1;
  }

  /** Moves one point; if it passes the other, that one moves to its end of the video. */
  set(name, frame) {
    this[name] = Math.max(0, Math.min(this.frames - 1, frame));
    if (this.first > this.last) {
      if (name === 'first') this.last = this.frames - 1;
      else this.first = 0;
    }
    this.keep();
  }

  clear() {
    [this.first, this.last] = [0, this.frames - 1];
    this.keep();
  }

  keep() {
    keep(this.key, JSON.stringify([this.first, this.last]));
    this.onChange();
  }

  listen(name, edge) {
    const box = edge.parentNode;
    edge.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      edge.focus({ preventScroll: true });
      edge.setPointerCapture(event.pointerId);
    });
    edge.addEventListener('pointermove', (event) => {
      if (!edge.hasPointerCapture(event.pointerId)) return;
      const frame = this.axis.frameAt(event.clientX - box.getBoundingClientRect().left);
      this.set(name, name === 'first' ? Math.min(frame, this.last) : Math.max(frame, this.first));
    });
    edge.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!step) return;
      event.preventDefault(); // the current frame stays
      this.set(name, this[name] + step * (event.shiftKey ? 10 : 1));
    });
  }

  draw(axis) {
    this.axis = axis;
    const left = axis.left(this.first);
    const right = axis.left(this.last + 1);
    this.edges.first.style.transform = `translateX(${left}px)`;
    this.edges.last.style.transform = `translateX(${right}px)`;
    for (const [name, edge] of Object.entries(this.edges)) {
      edge.setAttribute('aria-valuemax', this.frames);
      edge.setAttribute('aria-valuenow', this[name] + 1);
    }
    const { find } = this;
    find('shade-first').style.width = `${left}px`;
    find('shade-last').style.left = `${right}px`;
    find('shade-first').hidden = find('shade-last').hidden = this.isWhole();
    find('range-clear').hidden = this.isWhole();
    find('range-clear').textContent = `Frames ${this.first + 1}–${this.last + 1} ×`;
  }
}
