// The edges of masks, smoothed, grown and feathered as the server does it (core/edges.py). Masks
// and mattes are row by row, masks with one byte per pixel, 0 or 1.

import { areaOf, boxOf, columnsOf, encodeRuns } from './rle.js';

/** The least and the most that is possible, in pixels of the video. */
export const EDGE_LIMITS = { smooth_px: [0, 20], grow_px: [-40, 40], feather_px: [0, 40] };
export const PLAIN_EDGE = { smooth_px: 0, grow_px: 0, feather_px: 0 };

const ALONG = 0.955;
const ACROSS = 1.3693;

/** Returns how far each pixel is from a mask, in steps along and across, as OpenCV counts them. */
export function distanceTo(mask, width, height) {
  const stride = width + 2;
  const far = new Float32Array(stride * (height + 2)).fill(1e6);
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = (y + 1) * stride + 1; x < width; x++, at++) {
      if (mask[y * width + x]) far[at] = 0;
      else {
        const along = far[at - 1] < far[at - stride] ? far[at - 1] : far[at - stride];
        const one = far[at - stride - 1];
        const other = far[at - stride + 1];
        const across = one < other ? one : other;
        far[at] = along + ALONG < across + ACROSS ? along + ALONG : across + ACROSS;
      }
    }
  }
  const found = new Float32Array(width * height);
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1, at = (y + 1) * stride + width; x >= 0; x--, at--) {
      const along = far[at + 1] < far[at + stride] ? far[at + 1] : far[at + stride];
      const one = far[at + stride + 1];
      const other = far[at + stride - 1];
      const across = one < other ? one : other;
      const near = along + ALONG < across + ACROSS ? along + ALONG : across + ACROSS;
      found[y * width + x] = far[at] = near < far[at] ? near : far[at];
    }
  }
  return found;
}

/** Returns a mask with its edge smoothed and grown, and how far to feather it; itself if plain. */
export function edgedMask(mask, { width, height }, edge) {
  const { smooth_px: smooth, grow_px: grow, feather_px: feather } = edge;
  if (!mask.area || isPlain(edge)) return mask;
  if (!smooth && !grow) return { ...mask, feather };
  const part = partAround(mask.counts, width, height, smooth + Math.max(0, grow) + 1);
  let { inside } = part;
  if (smooth) inside = smoothed(inside, part.width, part.height, smooth);
  if (grow) inside = grown(inside, part.width, part.height, grow);
  const counts = countsOf({ ...part, inside }, width, height);
  return { ...mask, counts, area: areaOf(counts), feather };
}

export function isPlain(edge) {
  return Object.values(edge).every((value) => value === 0);
}

/** Returns a part of the frame and how opaque a mask is there that fades to either side. */
export function featheredPart(counts, { width, height }, feather) {
  const part = partAround(counts, width, height, feather + 1);
  let matte = Float32Array.from(part.inside);
  for (const radius of [feather >> 1, feather - (feather >> 1)]) {
    if (radius) matte = boxMeans(matte, part.width, part.height, radius);
  }
  return { ...part, matte };
}

/** Returns a mask's box with a margin, within the frame, and what is inside of the mask there. */
function partAround(counts, width, height, margin) {
  const [left, top, right, bottom] = boxOf(counts, height);
  const [x, y] = [Math.max(0, left - margin), Math.max(0, top - margin)];
  const part = { x, y };
  part.width = Math.min(width, right + margin) - x;
  part.height = Math.min(height, bottom + margin) - y;
  part.inside = new Uint8Array(part.width * part.height);
  const { ends, first } = columnsOf(counts, height, 1, width);
  for (let column = left; column < right; column++) {
    for (let at = first[column]; at < first[column + 1]; at += 2) {
      for (let row = ends[at]; row < ends[at + 1]; row++) {
        part.inside[(row - y) * part.width + column - x] = 1;
      }
    }
  }
  return part;
}

/** Returns what most pixels within a square around each one are. */
function smoothed(mask, width, height, radius) {
  const means = boxMeans(Float32Array.from(mask), width, height, radius);
  return Uint8Array.from(means, (share) => (share > 0.5 ? 1 : 0));
}

/** Returns a mask grown by a distance, or shrunk if negative; the frame's border is no edge. */
function grown(mask, width, height, distance) {
  if (distance > 0) {
    return Uint8Array.from(distanceTo(mask, width, height), (far) => (far <= distance ? 1 : 0));
  }
  const outside = Uint8Array.from(mask, (value) => 1 - value);
  return Uint8Array.from(distanceTo(outside, width, height), (far) => (far > -distance ? 1 : 0));
}

/** Returns the mean of the square around each value; beyond the border, values are as at it. */
function boxMeans(values, width, height, radius) {
  const side = 2 * radius + 1;
  const across = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    slide(values, across, y * width, 1, width, radius, side);
  }
  const means = new Float32Array(values.length);
  for (let x = 0; x < width; x++) slide(across, means, x, width, height, radius, side);
  return means;
}

/** Writes the means along a line of values, each from the sum before it. */
function slide(values, means, start, step, length, radius, side) {
  const at = (place) => values[start + Math.max(0, Math.min(length - 1, place)) * step];
  let sum = 0;
  for (let place = -radius; place <= radius; place++) sum += at(place);
  for (let place = 0; place < length; place++) {
    means[start + place * step] = sum / side;
    sum += at(place + radius + 1) - at(place - radius);
  }
}

/** Returns the run lengths of a frame that is empty but for one part. */
function countsOf(part, width, height) {
  const runs = [];
  let position = 0;
  let end = 0; // of the last run that is set
  for (let column = 0; column < part.width; column++) {
    for (let row = 0; row < part.height; row++) {
      if (!part.inside[row * part.width + column]) continue;
      position = (part.x + column) * height + part.y + row;
      if (position === end && runs.length) runs[runs.length - 1]++;
      else runs.push(position - end, 1);
      end = position + 1;
    }
  }
  if (end < width * height) runs.push(width * height - end);
  return encodeRuns(runs);
}
