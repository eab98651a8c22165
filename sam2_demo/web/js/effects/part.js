// An object's mask within its bounding box and a margin, as effects need it.

import { featheredPart } from '../core/edges.js';
import { columnsOf } from '../core/rle.js';

export class EffectPart {
  constructor({ counts, color, feather }, video, step, size, margin) {
    const { ends, first } = columnsOf(counts, video.height, step, size.width);
    let [left, top, right, bottom] = [size.width, size.height, 0, 0];
    for (let x = 0; x < size.width; x++) {
      for (let at = first[x]; at < first[x + 1]; at += 2) {
        left = Math.min(left, x);
        right = x + 1;
        top = Math.min(top, ends[at]);
        bottom = Math.max(bottom, ends[at + 1]);
      }
    }
    if (feather) margin += Math.ceil(feather / step);
    this.isEmpty = right <= left;
    this.color = color;
    this.box = [left, top, right, bottom];
    this.x = Math.max(0, left - margin);
    this.y = Math.max(0, top - margin);
    this.width = this.isEmpty ? 0 : Math.min(size.width, right + margin) - this.x;
    this.height = this.isEmpty ? 0 : Math.min(size.height, bottom + margin) - this.y;
    this.matte = feather && !this.isEmpty ? this.fade(counts, video, step, feather) : null;
    this.mask = new Uint8Array(this.width * this.height);
    for (let x = left; x < right; x++) {
      for (let at = first[x]; at < first[x + 1]; at += 2) {
        for (let y = ends[at]; y < ends[at + 1]; y++) {
          this.mask[(y - this.y) * this.width + x - this.x] = 1;
        }
      }
    }
  }

  /** Returns how opaque each pixel of an object with a feathered edge is. */
  fade(counts, video, step, feather) {
    const found = featheredPart(counts, video, feather);
    const matte = new Float32Array(this.width * this.height);
    for (let row = 0; row < this.height; row++) {
      const y = (this.y + row) * step - found.y;
      if (y < 0 || y >= found.height) continue;
      for (let column = 0; column < this.width; column++) {
        const x = (this.x + column) * step - found.x;
        if (x >= 0 && x < found.width) {
          matte[row * this.width + column] = found.matte[y * found.width + x];
        }
      }
    }
    return matte;
  }

  addTo(union, width) {
    for (let y = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++) {
        union[(this.y + y) * width + this.x + x] |= this.mask[y * this.width + x];
      }
    }
  }
}
