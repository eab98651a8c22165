// The active tool and the brush size.

import { BrushTool, LassoTool } from './mask_tools.js';
import { PointTool } from './point_tool.js';

const SMALLEST_BRUSH = 1;
const BRUSH_STEP = 1.2;

/** What to do with each tool, in one line. */
const NOTES = {
  click: 'Click to add to the object, right-click to remove from it, drag for a box.',
  box: 'Drag from one corner of the object to the opposite corner.',
  brush: 'Paint on the mask; right-click and drag to erase.',
  eraser: 'Erase parts of the mask; right-click and drag to paint.',
  lasso: 'Drag around an area, or click its corners and close with Enter; right-click to cut out.',
};

export class Tools {
  /** `app` is what the tools need; `find` returns the buttons, the slider and the ring. */
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.ring = find('brush-ring');
    this.guest = null;
    this.all = {
      click: new PointTool(app, false),
      box: new PointTool(app, true),
      brush: new BrushTool(app, false),
      eraser: new BrushTool(app, true),
      lasso: new LassoTool(app),
    };
    for (const name of Object.keys(this.all)) {
      find(`tool-${name}`).onclick = () => this.choose(name);
    }
    this.slider = find('brush-size');
    this.slider.oninput = () => this.setSize(this.largest ** (this.slider.value / 100));
    this.choose('click');
  }

  /** Starts with a brush that suits the video: a twentieth of its shorter side. */
  open(video) {
    this.largest = Math.max(video.width, video.height) / 2;
    this.setSize(Math.min(video.width, video.height) / 20);
    this.choose('click');
  }

  get current() {
    return this.guest || this.all[this.name];
  }

  /** Lets another tool take the pointer; null gives it back. */
  takeOver(guest) {
    if (this.guest === guest) return;
    this.escape();
    this.current.leave();
    this.guest = guest;
    this.app.stage.canvas.style.cursor = '';
  }

  get isPointing() {
    return this.name === 'click' || this.name === 'box';
  }

  choose(name) {
    if (this.name) {
      this.escape();
      this.current.leave();
    }
    this.name = name;
    this.app.stage.canvas.style.cursor = '';
    this.app.store.touch('tool');
  }

  /** `size` is the brush's width in pixels of the video. */
  setSize(size) {
    this.size = Math.max(SMALLEST_BRUSH, Math.min(this.largest, size));
    this.slider.value = (100 * Math.log(this.size)) / Math.log(this.largest);
    const text = `${Math.round(this.size)} px`;
    this.slider.setAttribute('aria-valuetext', text);
    this.find('brush-size-text').textContent = text;
    const width = `${Math.max(3, this.size * this.app.stage.view.scale)}px`;
    this.ring.style.width = this.ring.style.height = width;
  }

  grow(steps) {
    const wanted = this.size * BRUSH_STEP ** steps;
    this.setSize(steps > 0 ? Math.max(wanted, this.size + 1) : Math.min(wanted, this.size - 1));
  }

  escape() {
    return Boolean(this.current.escape && this.current.escape());
  }

  enter() {
    return Boolean(this.current.enter && this.current.enter());
  }

  render() {
    for (const name of Object.keys(this.all)) {
      this.find(`tool-${name}`).setAttribute('aria-checked', name === this.name);
    }
    this.find('tool-note').textContent = NOTES[this.name];
    this.find('signs').hidden = !['click', 'lasso'].includes(this.name);
    this.find('brush-options').hidden = !['brush', 'eraser'].includes(this.name);
  }
}
