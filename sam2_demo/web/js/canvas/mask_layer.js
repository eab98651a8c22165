// Draws the masks of a frame: all as one image, fills first, then outlines, so that fifty objects
// cost little more than one. The image is transposed, column by column like the run lengths: each
// run is then contiguous in memory, and the canvas transposes it back while drawing.

import { packed } from '../core/colors.js';
import { featheredPart } from '../core/edges.js';
import { columnsOf } from '../core/rle.js';

const FILL_ALPHA = 0.42;
export const MASK_SIDE = 1280;

export class MaskLayer {
  /** `side` is the maximum length of the longer side in pixels. */
  constructor(video, side = MASK_SIDE) {
    this.video = video;
    this.videoHeight = video.height;
    this.step = Math.max(1, Math.ceil(Math.max(video.width, video.height) / side));
    this.columns = Math.ceil(video.width / this.step);
    this.rows = Math.ceil(video.height / this.step);
    this.plate = document.createElement('canvas');
    this.plate.width = this.rows;
    this.plate.height = this.columns;
    this.image = new ImageData(this.rows, this.columns);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.painted = [];
  }

  /**
   * Draws masks over `width` x `height` of a canvas.
   * `shown` is [{mask, color, thickness}], the lowest first; thickness is in pixels of the video.
   */
  draw(pen, shown, width, height) {
    if (!shown.length) return;
    this.paint(shown);
    pen.save();
    pen.transform(0, height / this.rows, width / this.columns, 0, 0, 0);
    pen.drawImage(this.plate, 0, 0);
    pen.restore();
  }

  paint(shown) {
    // Masks are replaced, never changed, so it is enough to compare which ones they are.
    const same =
      shown.length === this.painted.length &&
      shown.every(
        (one, place) =>
          one.mask === this.painted[place].mask &&
          one.thickness === this.painted[place].thickness &&
          String(one.color) === String(this.painted[place].color),
      );
    if (same) return;
    this.painted = shown;
    this.pixels.fill(0);
    const all = shown.map(({ mask }) =>
      columnsOf(mask.counts, this.videoHeight, this.step, this.columns),
    );
    shown.forEach(({ mask, color }, place) => {
      if (mask.feather && mask.area) this.fade(mask, color);
      else this.fill(all[place], packed(color, FILL_ALPHA));
    });
    shown.forEach(({ color, thickness }, place) =>
      this.outline(all[place], packed(color, 1), Math.max(1, Math.round(thickness / this.step))),
    );
    this.plate.getContext('2d').putImageData(this.image, 0, 0);
  }

  fill({ ends, first }, pixel) {
    for (let column = 0; column < this.columns; column++) {
      const start = column * this.rows;
      for (let at = first[column]; at < first[column + 1]; at += 2) {
        this.pixels.fill(pixel, start + ends[at], start + ends[at + 1]);
      }
    }
  }

  /** Fills a mask that fades at its edge; where it is fainter than one below, that one shows. */
  fade({ counts, feather }, color) {
    const { x, y, width, height, matte } = featheredPart(counts, this.video, feather);
    const up = (place) => Math.ceil(place / this.step);
    for (let column = up(x); column < up(x + width); column++) {
      for (let row = up(y); row < up(y + height); row++) {
        const share = matte[(row * this.step - y) * width + column * this.step - x];
        const at = column * this.rows + row;
        const alpha = Math.round(255 * FILL_ALPHA * share);
        if (alpha && alpha >= this.pixels[at] >>> 24) this.pixels[at] = packed(color, alpha / 255);
      }
    }
  }

  /** Paints what lies within `thickness` of the mask's edge; the frame's border is not an edge. */
  outline({ ends, first }, pixel, thickness) {
    for (let column = 0; column < this.columns; column++) {
      const start = column * this.rows;
      const before = column - thickness;
      const after = column + thickness;
      for (let at = first[column]; at < first[column + 1]; at += 2) {
        const top = ends[at];
        const bottom = ends[at + 1];
        if (top > 0) this.stretch(pixel, start + top, start + Math.min(bottom, top + thickness));
        if (bottom < this.rows) {
          this.stretch(pixel, start + Math.max(top, bottom - thickness), start + bottom);
        }
        if (before >= 0) this.uncovered(ends, first, before, top, bottom, start, pixel);
        if (after < this.columns) this.uncovered(ends, first, after, top, bottom, start, pixel);
      }
    }
  }

  /** Paints those parts from `top` to `bottom` that another column's runs do not cover. */
  uncovered(ends, first, other, top, bottom, start, pixel) {
    let from = top;
    const last = first[other + 1];
    for (let at = first[other]; at < last && ends[at] < bottom; at += 2) {
      if (ends[at] > from) this.stretch(pixel, start + from, start + ends[at]);
      if (ends[at + 1] > from) from = ends[at + 1];
    }
    if (from < bottom) this.stretch(pixel, start + from, start + bottom);
  }

  /** Paints a few pixels, for which a loop is faster than the array's own `fill`. */
  stretch(pixel, from, to) {
    const { pixels } = this;
    for (let at = from; at < to; at++) pixels[at] = pixel;
  }
}
