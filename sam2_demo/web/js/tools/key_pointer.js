// Pointing with the keyboard: arrow keys move a cross over the image, Enter clicks.

const CROSS_STEP_PX = 12;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class KeyPointer {
  /** `app` gives project, tools, stage, sign, status, store and halt; `cross` is drawn over it. */
  constructor(app, cross) {
    this.app = app;
    this.cross = cross;
    this.work = null; // a gesture that the next Enter ends: a box, a stroke
    app.stage.element.addEventListener('pointerdown', () => this.end());
  }

  get isOn() {
    return !this.cross.hidden;
  }

  toggle() {
    if (this.isOn) return this.end();
    const { project, stage, status } = this.app;
    this.project = project;
    this.left = stage.view.width / 2;
    this.top = stage.view.height / 2;
    this.cross.hidden = false;
    stage.canvas.focus();
    this.place();
    return status.say(
      'Arrow keys move the cross, with Shift by one pixel. Enter clicks, Shift + Enter makes a ' +
        'negative click. A box or a stroke starts and ends with Enter. Esc leaves.',
    );
  }

  end() {
    this.cancel();
    this.cross.hidden = true;
  }

  cancel() {
    const { work } = this;
    this.work = null;
    if (work && work.cancel) work.cancel();
  }

  /** Returns whether a key was meant for the cross. */
  handles(event) {
    if (this.isOn && this.project !== this.app.project) this.end();
    if (!this.isOn || event.ctrlKey || event.metaKey || event.altKey) return false;
    const way = ARROWS[event.key];
    if (way) this.move(way, event.shiftKey ? 1 : CROSS_STEP_PX);
    else if (event.key === 'Enter') this.enter(event.shiftKey);
    else if (event.key !== 'Escape') {
      this.cancel(); // another tool, frame or object: the stroke was for this one
      return false;
    } else if (this.work) this.cancel();
    else this.end();
    this.app.store.touch('view', 'gesture');
    return true;
  }

  /** At the edge of the view, the image moves instead. */
  move([across, down], step) {
    const { view } = this.app.stage;
    const left = this.left + across * step;
    const top = this.top + down * step;
    this.left = Math.max(0, Math.min(view.width, left));
    this.top = Math.max(0, Math.min(view.height, top));
    view.pan(this.left - left, this.top - top);
    this.place();
  }

  press(other = false) {
    const { left, top } = this;
    return {
      ...this.app.stage.view.toVideo(left, top),
      left,
      top,
      other,
      touch: false,
      far: this.work !== null,
      again: false,
    };
  }

  place() {
    const {
      stage: { canvas },
      tools,
    } = this.app;
    this.cross.style.left = `${canvas.offsetLeft + this.left}px`;
    this.cross.style.top = `${canvas.offsetTop + this.top}px`;
    if (this.work) this.work.move(this.press());
    else tools.current.hover(this.press());
  }

  enter(other) {
    const { app } = this;
    const { tools } = app;
    const { work } = this;
    if (work) {
      const press = this.press();
      this.work = null;
      work.end(press);
      return;
    }
    app.halt();
    const begun = tools.current.begin(this.press(other));
    if (begun && ['click', 'lasso'].includes(tools.name)) begun.end(this.press(other));
    else this.work = begun;
  }
}
