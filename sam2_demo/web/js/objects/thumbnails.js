// Thumbnails: each object, cut out of the first frame where it was prompted.

import { fetchOrRefuse } from '../core/net.js';
import { boxOf, columnsOf } from '../core/rle.js';

const THUMB_PX = 80; // drawn at half that size
const THUMB_MARGIN = 0.12;
const THUMB_MASK_PX = 160;
const BESIDE_ALPHA = 0.35;

export class Thumbnails {
  /** Frames not in `cache` are fetched one at a time, so that clicks come first. */
  constructor(cache) {
    this.cache = cache;
    this.clear();
  }

  clear() {
    this.drawn = new WeakMap(); // canvas -> what was asked for last
    this.waiting = [];
  }

  /** Draws a frame's mask on a canvas, once the frame has loaded; null hides the canvas. */
  draw(canvas, video, frame, mask) {
    const wanted = mask && mask.area ? { canvas, video, frame, counts: mask.counts } : null;
    const before = this.drawn.get(canvas);
    if (wanted ? before && before.counts === wanted.counts && before.frame === frame : !before) {
      return;
    }
    this.drawn.set(canvas, wanted);
    canvas.hidden = !wanted;
    if (!wanted) return;
    this.waiting.push(wanted);
    if (this.waiting.length === 1) this.drawNext();
  }

  async drawNext() {
    while (this.waiting.length) {
      const [wanted] = this.waiting;
      const { canvas, video, frame } = wanted;
      if (this.drawn.get(canvas) === wanted && canvas.isConnected) {
        try {
          const picture = this.cache.get(frame) || (await this.fetch(video, frame));
          this.paint(wanted, picture);
          if (picture !== this.cache.get(frame)) picture.close();
        } catch {
          canvas.hidden = true; // a missing thumbnail is not worth an error message
        }
      }
      this.waiting.splice(this.waiting.indexOf(wanted), 1);
    }
  }

  async fetch(video, frame) {
    const answer = await fetchOrRefuse(`videos/${video.token}/frames/${frame}.jpg`, {});
    return createImageBitmap(await answer.blob());
  }

  paint({ canvas, video, counts }, picture) {
    const crop = cropAround(counts, video);
    const scale = picture.width / video.width;
    const from = [crop.left, crop.top, crop.side, crop.side].map((length) => length * scale);
    canvas.width = canvas.height = THUMB_PX;
    const pen = canvas.getContext('2d');
    const all = [0, 0, THUMB_PX, THUMB_PX];
    pen.drawImage(maskSheet(counts, video, crop), ...all);
    pen.globalCompositeOperation = 'source-in';
    pen.drawImage(picture, ...from, ...all);
    pen.globalCompositeOperation = 'destination-over';
    pen.globalAlpha = BESIDE_ALPHA;
    pen.drawImage(picture, ...from, ...all);
  }
}

/** Returns the square around a mask, with a margin; it may extend beyond the frame. */
function cropAround(counts, { height }) {
  const [left, top, right, bottom] = boxOf(counts, height);
  const side = Math.max(8, (1 + 2 * THUMB_MARGIN) * Math.max(right - left, bottom - top));
  return { left: (left + right - side) / 2, top: (top + bottom - side) / 2, side };
}

/** Returns a canvas with the mask within the square. */
function maskSheet(counts, { width, height }, { left, top, side }) {
  const sheet = document.createElement('canvas');
  sheet.width = sheet.height = Math.min(THUMB_MASK_PX, Math.ceil(side));
  const pen = sheet.getContext('2d');
  const scale = sheet.width / side;
  const step = Math.max(1, Math.floor(1 / scale));
  const columns = Math.ceil(width / step);
  const { ends, first } = columnsOf(counts, height, step, columns);
  for (let column = 0; column < columns; column++) {
    for (let at = first[column]; at < first[column + 1]; at += 2) {
      pen.fillRect(
        (column * step - left) * scale,
        (ends[at] * step - top) * scale,
        step * scale + 0.5,
        (ends[at + 1] - ends[at]) * step * scale + 0.5,
      );
    }
  }
  return sheet;
}
