// A hole in a picture, filled from what is around it: the same as on the server (export/effects).
// Pictures are RGBA bytes.

import { blockSums } from './blocks.js';

/** Fills a hole in a picture smoothly from what is around it, in place. */
export function fillHole(pixels, hole, width, height) {
  const { sums, columns, rows } = blockSums(pixels, width, height, 2, hole, 0);
  const levels = [saturated({ width: columns, height: rows, values: sums })];
  while (Math.max(levels[levels.length - 1].width, levels[levels.length - 1].height) > 1) {
    levels.push(saturated(halved(levels[levels.length - 1])));
  }
  let coarse = levels.pop();
  while (levels.length) {
    const { width: wide, height: high, values } = levels.pop();
    for (let y = 0, at = 0; y < high; y++) {
      for (let x = 0; x < wide; x++, at += 4) {
        const lack = 1 - values[at + 3];
        if (lack <= 0) continue;
        addBetween(coarse, x, y, values, at, lack);
        values[at + 3] = 1;
      }
    }
    coarse = { width: wide, height: high, values };
  }
  const color = new Float32Array(4);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!hole[i]) continue;
      color.fill(0);
      addBetween(coarse, x, y, color, 0, 1);
      for (let channel = 0; channel < 3; channel++) {
        pixels[i * 4 + channel] = Math.floor(color[channel] + 0.5);
      }
    }
  }
}

/** Returns the sums of a picture's 2 x 2 blocks. */
function halved({ width, height, values }) {
  const less = { width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
  const sums = (less.values = new Float32Array(less.width * less.height * 4));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const to = ((y >> 1) * less.width + (x >> 1)) * 4;
      sums[to] += values[at];
      sums[to + 1] += values[at + 1];
      sums[to + 2] += values[at + 2];
      sums[to + 3] += values[at + 3];
    }
  }
  return less;
}

/** Makes means of sums wherever as much is known as one whole pixel. */
function saturated(level) {
  const { values } = level;
  for (let at = 0; at < values.length; at += 4) {
    if (values[at + 3] <= 1) continue;
    const share = 1 / values[at + 3];
    values[at] *= share;
    values[at + 1] *= share;
    values[at + 2] *= share;
    values[at + 3] = 1;
  }
  return level;
}

/** Adds what a coarser picture has at a pixel of one twice as large, between its four pixels. */
function addBetween({ width, height, values }, x, y, to, at, share) {
  const top = y ? (y - 1) >> 1 : 0;
  const left = x ? (x - 1) >> 1 : 0;
  const bottom = Math.min(height - 1, (y + 1) >> 1);
  const right = Math.min(width - 1, (x + 1) >> 1);
  const down = y % 2 ? 0.25 : 0.75;
  const across = x % 2 ? 0.25 : 0.75;
  const one = 4 * (top * width + left);
  const two = 4 * (top * width + right);
  const three = 4 * (bottom * width + left);
  const four = 4 * (bottom * width + right);
  for (let channel = 0; channel < 3; channel++) {
    const upper = values[one + channel] * (1 - across) + values[two + channel] * across;
    const lower = values[three + channel] * (1 - across) + values[four + channel] * across;
    to[at + channel] += share * (upper * (1 - down) + lower * down);
  }
}
