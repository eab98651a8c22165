// Zoom and pan, and the conversion between pixels of the video and of the canvas.

export const ZOOM_STEP = 1.25;
const CLOSEST_PX = 32; // the widest that one pixel of the video gets on screen

export class View {
  constructor() {
    this.video = { width: 1, height: 1 };
    this.width = this.height = this.zoom = 1;
    this.left = this.top = 0;
  }

  open(video) {
    this.video = video;
    this.reset();
  }

  reset() {
    this.zoom = 1;
    this.left = this.top = 0;
  }

  /** Sets the canvas's size and keeps its middle in place; returns whether the size is new. */
  resize(width, height) {
    if (width === this.width && height === this.height) return false;
    this.left *= width / this.width;
    this.top *= height / this.height;
    this.width = width;
    this.height = height;
    this.zoom = Math.min(this.zoom, this.closest());
    this.hold();
    return true;
  }

  /** Screen pixels per video pixel. */
  get scale() {
    return (this.zoom * this.width) / this.video.width;
  }

  closest() {
    return Math.max(8, (CLOSEST_PX * this.video.width) / this.width);
  }

  toVideo(x, y) {
    return { x: (x - this.left) / this.scale, y: (y - this.top) / this.scale };
  }

  toCanvas(x, y) {
    return { x: this.left + x * this.scale, y: this.top + y * this.scale };
  }

  /** Zooms around (x, y) of the canvas; returns whether the zoom changed. */
  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.zoom;
    this.zoom = Math.max(1, Math.min(this.closest(), this.zoom * factor));
    const change = this.zoom / before;
    this.left = x - (x - this.left) * change;
    this.top = y - (y - this.top) * change;
    this.hold();
    return this.zoom !== before;
  }

  pan(x, y) {
    this.left += x;
    this.top += y;
    this.hold();
  }

  /** Keeps the image covering the canvas. */
  hold() {
    this.left = Math.min(0, Math.max(this.width - this.width * this.zoom, this.left));
    this.top = Math.min(0, Math.max(this.height - this.height * this.zoom, this.top));
  }
}
