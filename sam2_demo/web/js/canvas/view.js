// How the picture lies on the canvas: zoom and place, and from pixels of one to pixels of the other.

export const ZOOM_STEP = 1.25;
const CLOSEST_PX = 32; // one pixel of the video is at most so wide on the screen

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

  /** Returns whether the canvas has another size now; what lay in its middle stays there. */
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

  /** Pixels of the screen to one pixel of the video. */
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

  /** Zooms so that the place under (x, y) of the canvas stays there. */
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

  /** The picture always fills the canvas. */
  hold() {
    this.left = Math.min(0, Math.max(this.width - this.width * this.zoom, this.left));
    this.top = Math.min(0, Math.max(this.height - this.height * this.zoom, this.top));
  }
}
