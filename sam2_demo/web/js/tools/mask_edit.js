// A mask while it is being drawn on, at the video's resolution. It is stored transposed, column by
// column like the run lengths, and the canvas transposes it back while drawing.

import { decodeCounts, encodeRuns } from '../core/rle.js';

const DRAWN_ALPHA = 0.55;

export class MaskEdit {
  /** `counts` are the run lengths of the mask as it is; null for an empty one. */
  constructor(video, counts, [red, green, blue]) {
    this.columns = video.width;
    this.rows = video.height;
    this.color = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    this.image = new ImageData(this.rows, this.columns);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.sheet = document.createElement('canvas');
    this.sheet.width = this.rows;
    this.sheet.height = this.columns;
    this.changed = [0, this.columns];
    let position = 0;
    decodeCounts(counts || '').forEach((run, index) => {
      if (index % 2) this.pixels.fill(this.color, position, position + run);
      position += run;
    });
  }

  /** Sets or clears the pixels of one column from `from` to `to`. */
  span(column, from, to, add) {
    if (column < 0 || column >= this.columns) return;
    const top = Math.max(0, from);
    const bottom = Math.min(this.rows, to);
    const start = column * this.rows;
    if (top < bottom) this.pixels.fill(add ? this.color : 0, start + top, start + bottom);
  }

  /** Draws a stroke of a round brush with that radius from one place to another. */
  stroke(from, to, radius, add) {
    const way = Math.hypot(to.x - from.x, to.y - from.y);
    const steps = Math.ceil(way / Math.max(0.5, radius / 4));
    for (let step = 0; step <= steps; step++) {
      const share = steps ? step / steps : 0;
      this.disc(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y), radius, add);
    }
    this.touch(Math.min(from.x, to.x) - radius, Math.max(from.x, to.x) + radius);
  }

  /** Draws the pixels whose centres lie in the disc, and always the one at its centre. */
  disc(x, y, radius, add) {
    for (let column = Math.ceil(x - radius - 0.5); column + 0.5 <= x + radius; column++) {
      const half = Math.sqrt(Math.max(0, radius ** 2 - (column + 0.5 - x) ** 2));
      this.span(column, Math.ceil(y - half - 0.5), Math.floor(y + half - 0.5) + 1, add);
    }
    this.span(Math.floor(x), Math.floor(y), Math.floor(y) + 1, add);
  }

  /** Draws the pixels whose centres a closed path surrounds. */
  polygon(path, add) {
    const xs = path.map(({ x }) => x);
    const left = Math.min(...xs);
    const right = Math.max(...xs);
    for (
      let column = Math.max(0, Math.floor(left));
      column <= Math.min(right, this.columns);
      column++
    ) {
      let winding = 0;
      let from = 0;
      for (const { y, turn } of crossings(path, column + 0.5)) {
        if (winding === 0) from = y;
        winding += turn;
        if (winding === 0) this.span(column, Math.ceil(from - 0.5), Math.ceil(y - 0.5), add);
      }
    }
    this.touch(left, right);
  }

  touch(left, right) {
    this.changed = [Math.min(this.changed[0], left), Math.max(this.changed[1], right)];
  }

  get counts() {
    const runs = [];
    const { pixels } = this;
    let position = 0;
    let set = false;
    while (position < pixels.length) {
      const from = position;
      while (position < pixels.length && (pixels[position] !== 0) === set) position++;
      runs.push(position - from);
      set = !set;
    }
    return encodeRuns(runs);
  }

  /** Draws the mask; `pen` draws in pixels of the video. */
  draw(pen) {
    const from = Math.max(0, Math.floor(this.changed[0]));
    const to = Math.min(this.columns, this.changed[1] + 1);
    if (from < to) {
      this.sheet.getContext('2d').putImageData(this.image, 0, 0, 0, from, this.rows, to - from);
    }
    this.changed = [this.columns, 0];
    pen.save();
    pen.globalAlpha = DRAWN_ALPHA;
    pen.transform(0, 1, 1, 0, 0, 0);
    pen.drawImage(this.sheet, 0, 0);
    pen.restore();
  }
}

/** Returns where a closed path crosses a vertical line, top to bottom, and in which direction. */
function crossings(path, x) {
  const found = [];
  path.forEach((to, index) => {
    const from = path[(index || path.length) - 1];
    if (from.x <= x === to.x <= x) return;
    const y = from.y + ((to.y - from.y) * (x - from.x)) / (to.x - from.x);
    found.push({ y, turn: to.x > from.x ? 1 : -1 });
  });
  return found.sort((one, other) => one.y - other.y);
}
