// The picture: frame, masks and prompts drawn on one canvas, and what the pointer does there.

const OUTLINE_PX = 1.7;
const DRAG_PX = 6;
const POINT_RADIUS = 8;
const PLUS_COLOR = '#15803d';
const MINUS_COLOR = '#c81e3a';

class Stage {
  /** `act` has click(x, y, other) and box(x0, y0, x1, y1), both in video pixels. */
  constructor(element, canvas, colorOf, act) {
    this.element = element;
    this.canvas = canvas;
    this.colorOf = colorOf;
    this.act = act;
    this.drag = null;
    this.listen();
  }

  open(video) {
    this.video = video;
    this.masks = new MaskLayer(video);
    this.canvas.style.aspectRatio = `${video.width} / ${video.height}`;
    this.element.style.setProperty('--s2-aspect', video.width / video.height);
  }

  /** The place of a pointer in video pixels; outside of the picture it lies beyond the frame. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) * this.video.width / box.width,
      y: (event.clientY - box.top) * this.video.height / box.height,
    };
  }

  listen() {
    this.element.addEventListener('contextmenu', (event) => event.preventDefault());
    this.element.addEventListener('pointerdown', (event) => {
      if (!this.video || event.target.closest('.s2-hint') || this.drag) return;
      if (event.button !== 0 && event.button !== 2) return;
      event.preventDefault();
      this.canvas.focus({ preventScroll: true });
      this.element.setPointerCapture(event.pointerId);
      const other = event.button === 2 || event.altKey || event.shiftKey;
      const from = this.place(event);
      this.drag = { from, to: from, startX: event.clientX, startY: event.clientY, other };
    });
    this.element.addEventListener('pointermove', (event) => {
      if (!this.drag) return;
      this.drag.to = this.place(event);
      const way = Math.hypot(event.clientX - this.drag.startX, event.clientY - this.drag.startY);
      if (way > DRAG_PX && !this.drag.other) this.drag.isBox = true;
      this.act.redraw();
    });
    this.element.addEventListener('pointerup', () => {
      const drag = this.drag;
      this.drag = null;
      if (!drag) return;
      if (drag.isBox) this.act.box(drag.from, drag.to);
      else this.act.click(drag.from, drag.other);
    });
    this.element.addEventListener('pointercancel', () => {
      this.drag = null;
      this.act.redraw();
    });
  }

  /** Draws everything: `view` says which frame's picture, masks, prompts, and what is chosen. */
  draw(view) {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const pen = this.canvas.getContext('2d');
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(view.picture, 0, 0, width, height);
    const videoPx = this.video.width / box.width;
    const shown = [...view.masks].reverse().map(([id, mask]) => ({ // the first lies on top
      mask, color: this.colorOf(id), thickness: OUTLINE_PX * videoPx * (id === view.active ? 1.6 : 1),
    }));
    this.masks.draw(pen, shown, width, height);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.scale = box.width / this.video.width;
    for (const prompt of view.prompts) this.drawPrompt(pen, prompt, prompt.object === view.active);
    if (this.drag && this.drag.isBox) {
      const { from, to } = this.drag;
      this.drawBox(pen, [from.x, from.y, to.x, to.y], this.colorOf(view.active));
    }
  }

  drawPrompt(pen, prompt, active) {
    pen.globalAlpha = active ? 1 : 0.55;
    if (prompt.box) this.drawBox(pen, prompt.box, this.colorOf(prompt.object));
    for (const [x, y, positive] of prompt.points) {
      this.drawPoint(pen, x * this.scale, y * this.scale, positive);
    }
    pen.globalAlpha = 1;
  }

  drawBox(pen, [x0, y0, x1, y1], color) {
    const scale = this.scale;
    const rect = [x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale];
    pen.lineWidth = 3;
    pen.strokeStyle = 'rgba(0, 0, 0, 0.55)';
    pen.strokeRect(...rect);
    pen.lineWidth = 2;
    pen.setLineDash([7, 4]);
    pen.strokeStyle = `rgb(${color.join(',')})`;
    pen.strokeRect(...rect);
    pen.setLineDash([]);
  }

  drawPoint(pen, x, y, positive) {
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
