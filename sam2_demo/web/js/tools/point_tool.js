// Points and boxes: adding, moving and deleting them.

import { HANDLES, handlesOf } from '../canvas/box_handles.js';

const POINT_REACH = { mouse: 11, touch: 22 };
const HANDLE_REACH = { mouse: 9, touch: 22 };
const BORDER_REACH = { mouse: 6, touch: 12 };
const HANDLE_CURSORS = ['nwse', 'ns', 'nesw', 'ew', 'nwse', 'ns', 'nesw', 'ew'];

export class PointTool {
  /**
   * With `onlyBoxes`, a click adds no point. `app` gives project, frame, sign, editing, stage
   * and hover.
   */
  constructor(app, onlyBoxes) {
    this.app = app;
    this.onlyBoxes = onlyBoxes;
  }

  prompt() {
    const { project, frame } = this.app;
    return project.prompt(project.active, frame);
  }

  begin(press) {
    const held = this.reached(press);
    if (held && held.point !== undefined) return this.holdPoint(press, held.point);
    if (held) return this.holdBox(press, held.handle);
    return this.beginNew(press);
  }

  /** Returns what a press hits: {point}, {handle}, {handle: -1} for the box's border, or null. */
  reached(press) {
    const { view } = this.app.stage;
    const { points, box } = this.prompt();
    const kind = press.touch ? 'touch' : 'mouse';
    const away = ({ x, y }) => Math.hypot(x - press.left, y - press.top);
    const nearest = (places, reach) => {
      const ways = places.map(away);
      const least = Math.min(...ways);
      return least <= reach ? ways.lastIndexOf(least) : -1;
    };
    const point = nearest(
      points.map(([x, y]) => view.toCanvas(x, y)),
      POINT_REACH[kind],
    );
    if (point >= 0 && !this.onlyBoxes) return { point };
    if (!box) return null;
    const handles = handlesOf(box, view);
    const handle = nearest(handles, HANDLE_REACH[kind]);
    if (handle >= 0) return { handle };
    const [{ x: left, y: top }, { x: right, y: bottom }] = [handles[0], handles[4]];
    const reach = BORDER_REACH[kind];
    const across = (at, from, to) => at > from - reach && at < to + reach;
    const near = (at, ...edges) => edges.some((edge) => Math.abs(at - edge) <= reach);
    const isBorder =
      across(press.left, left, right) &&
      across(press.top, top, bottom) &&
      (near(press.left, left, right) || near(press.top, top, bottom));
    return isBorder ? { handle: -1 } : null;
  }

  /** A click on a point deletes it, unless a double click just added it; a drag moves it. */
  holdPoint(from, index) {
    const { editing, stage } = this.app;
    const prompt = this.prompt();
    const inside = ({ x, y }) => [
      Math.max(0, Math.min(stage.video.width, x)),
      Math.max(0, Math.min(stage.video.height, y)),
    ];
    return {
      move: (press) => {
        if (press.far) this.drag(withPointAt(prompt, index, inside(press)));
      },
      end: (press) =>
        this.drop(
          press.far
            ? editing.change(withPointAt(prompt, index, inside(press)))
            : from.again
              ? null
              : editing.deletePoint(prompt, index),
        ),
      cancel: () => this.drop(),
    };
  }

  /** A handle moves its sides; the border moves the whole box. */
  holdBox(from, handle) {
    const { editing, stage } = this.app;
    const prompt = this.prompt();
    const boxAt = (press) => {
      const x = press.x - from.x;
      const y = press.y - from.y;
      const [x0, y0, x1, y1] = prompt.box;
      if (handle < 0) {
        const dx = Math.max(-x0, Math.min(stage.video.width - x1, x));
        const dy = Math.max(-y0, Math.min(stage.video.height - y1, y));
        return [x0 + dx, y0 + dy, x1 + dx, y1 + dy];
      }
      const [across, down] = HANDLES[handle];
      const moved = [
        across === 0 ? x0 + x : x0,
        down === 0 ? y0 + y : y0,
        across === 1 ? x1 + x : x1,
        down === 1 ? y1 + y : y1,
      ];
      return boxInside(moved, stage.video);
    };
    return {
      move: (press) => {
        if (press.far) this.drag({ ...prompt, box: boxAt(press) });
      },
      end: (press) => this.drop(press.far ? editing.box(prompt, boxAt(press)) : null),
      cancel: () => this.drop(),
    };
  }

  /** A click adds a point, a drag a box, a long touch a negative point. */
  beginNew(from) {
    const { app } = this;
    const { editing, stage } = app;
    const prompt = this.prompt();
    const boxTo = (press) => boxInside([from.x, from.y, press.x, press.y], stage.video);
    const isBox = (press) => press.far && (!from.other || this.onlyBoxes);
    app.hover.end();
    return {
      move: (press) => {
        if (isBox(press)) this.drag({ ...prompt, box: boxTo(press) });
      },
      end: (press) => {
        this.drop(isBox(press) ? editing.box(prompt, boxTo(press)) : null);
        if (isBox(press) || from.again) return;
        if (!this.onlyBoxes) editing.click(from, from.other ? !app.sign : app.sign);
        else app.status.say('Drag from one corner of the object to the opposite corner.');
      },
      hold: this.onlyBoxes ? null : () => editing.click(from, !app.sign),
      cancel: () => this.drop(),
    };
  }

  /** Shows the prompt while it is dragged, with a preview of its mask. */
  drag(prompt) {
    this.app.stage.draft = prompt;
    this.app.hover.follow(prompt);
  }

  /** Ends a drag; `answer` is the request that it caused, if any. */
  drop(answer = null) {
    this.app.stage.draft = null;
    this.app.hover.release(answer);
  }

  hover(press) {
    const { stage, hover } = this.app;
    const held = this.reached(press);
    stage.canvas.style.cursor = !held
      ? 'crosshair'
      : held.point !== undefined
        ? 'grab'
        : held.handle < 0
          ? 'move'
          : `${HANDLE_CURSORS[held.handle]}-resize`;
    if (held || this.onlyBoxes) hover.end();
    else hover.at(press);
  }

  leave() {
    this.app.hover.end();
  }
}

function withPointAt(prompt, index, [x, y]) {
  const points = prompt.points.map((point, place) => (place === index ? [x, y, point[2]] : point));
  return { ...prompt, points };
}

/** Returns the box with its corners in order and within the frame. */
function boxInside([x0, y0, x1, y1], { width, height }) {
  const across = [x0, x1].map((x) => Math.max(0, Math.min(width, x))).sort((a, b) => a - b);
  const down = [y0, y1].map((y) => Math.max(0, Math.min(height, y))).sort((a, b) => a - b);
  return [across[0], down[0], across[1], down[1]];
}
