// What effects are drawn on: the frame, the drawing, and a scratch sheet between the two.

import { MASK_SIDE } from '../canvas/mask_layer.js';
import { blockMeans, blockSums } from './blocks.js';
import { neighboursOf } from './masks.js';

export class EffectSheet {
  /** `effects` is what the server's effects consist of: strengths, constants, shapes. */
  constructor(video, effects) {
    this.video = video;
    this.effects = effects;
    this.step = Math.max(1, Math.ceil(Math.max(video.width, video.height) / MASK_SIDE));
    this.width = Math.ceil(video.width / this.step);
    this.height = Math.ceil(video.height / this.step);
    this.source = penOn(this.width, this.height);
    this.canvas = penOn(this.width, this.height);
    this.scratch = penOn(1, 1);
  }

  /** Puts a frame on the sheet and returns its pixels. */
  begin(picture, choice) {
    this.choice = choice;
    this.source.drawImage(picture, 0, 0, this.width, this.height);
    return this.source.getImageData(0, 0, this.width, this.height);
  }

  amount(name) {
    return this.effects.strengths[name][this.choice.strength - 1];
  }

  px(reference, least = 1) {
    const side = Math.min(this.width, this.height) / this.effects.constants.reference_side;
    return Math.max(least, Math.floor(reference * side + 0.5));
  }

  /** Draws a small picture `step` times as large with soft transitions. */
  drawEnlarged(small, step) {
    this.patch(small);
    this.canvas.imageSmoothingEnabled = true;
    this.canvas.drawImage(
      this.scratch.canvas,
      0,
      0,
      small.width,
      small.height,
      0,
      0,
      small.width * step,
      small.height * step,
    );
  }

  /** Puts pixels on the scratch sheet, from where they can be drawn with their transparency. */
  patch(image) {
    const { canvas } = this.scratch;
    if (canvas.width < image.width || canvas.height < image.height) {
      canvas.width = Math.max(canvas.width, image.width);
      canvas.height = Math.max(canvas.height, image.height);
    }
    this.scratch.putImageData(image, 0, 0);
  }

  drawPatch(image, part) {
    this.patch(image);
    this.canvas.drawImage(
      this.scratch.canvas,
      0,
      0,
      part.width,
      part.height,
      part.x,
      part.y,
      part.width,
      part.height,
    );
  }

  pixelate(data, width, height, [left, top], side) {
    const means = blockMeans(blockSums(data, width, height, side));
    const from = new Uint32Array(means.data.buffer);
    const to = new Uint32Array(data.buffer);
    for (let y = 0, at = 0; y < height; y++) {
      const row = Math.floor((y + top) / side) * means.width;
      for (let x = 0; x < width; x++, at++) to[at] = from[row + Math.floor((x + left) / side)];
    }
  }

  sourceOf(pixels, part) {
    const image = new ImageData(part.width, part.height);
    for (let y = 0; y < part.height; y++) {
      const at = ((part.y + y) * this.width + part.x) * 4;
      image.data.set(pixels.subarray(at, at + part.width * 4), y * part.width * 4);
    }
    return image;
  }

  /** Draws an object's pixels with a soft edge. */
  drawSource(image, part) {
    const { matte } = part;
    if (matte) {
      for (let i = 0; i < matte.length; i++) image.data[4 * i + 3] = 255 * matte[i];
    } else {
      const share = neighboursOf(part.mask, part.width, part.height);
      for (let i = 0; i < share.length; i++) image.data[4 * i + 3] = (share[i] * 255) / 9;
    }
    this.drawPatch(image, part);
  }

  /** Draws a patch whose pixels a function gives as whole numbers, as `packed` makes them. */
  drawMade(part, pixelAt) {
    const image = new ImageData(part.width, part.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = pixelAt(i);
    this.drawPatch(image, part);
  }
}

/** Returns a pen on a canvas in ordinary memory, whose pixels can be read quickly. */
export function penOn(width, height) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  return canvas.getContext('2d', { willReadFrequently: true });
}
