// The background's effects, drawn as the server draws them for export (export/effects).

import { rgbOf } from '../core/colors.js';
import { distanceTo } from '../core/edges.js';
import { blockMeans, blockSums, boxBlurred } from './blocks.js';
import { desaturate, duotone, sketch } from './looks.js';
import { penOn } from './sheet.js';

export class BackgroundEffects {
  constructor(sheet) {
    this.sheet = sheet;
    this.textStamp = '';
  }

  draw(image, union) {
    const { width, height, canvas, choice } = this.sheet;
    const color = rgbOf(choice.color);
    const drawn = new ImageData(new Uint8ClampedArray(image.data), width, height);
    if (choice.background === 'original') {
      canvas.drawImage(this.sheet.source.canvas, 0, 0);
    } else if (choice.background === 'erase') {
      canvas.fillStyle = choice.color;
      canvas.fillRect(0, 0, width, height);
    } else if (choice.background === 'text') {
      canvas.drawImage(this.textPlate(color), 0, 0);
    } else if (choice.background === 'blur') {
      this.drawBlurred(image.data, union);
    } else {
      this.restyle(drawn.data, color);
      canvas.putImageData(drawn, 0, 0);
    }
  }

  /** Writes the backgrounds that are made pixel by pixel. */
  restyle(data, color) {
    const { width, height, choice } = this.sheet;
    if (choice.background === 'pixelate') {
      this.sheet.pixelate(
        data,
        width,
        height,
        [0, 0],
        this.sheet.px(this.sheet.amount('block_px'), 2),
      );
    } else if (choice.background === 'gradient') {
      duotone(data, width, height, color, [0, 0], width + height - 2);
    } else if (choice.background === 'outline') {
      sketch(
        data,
        width,
        height,
        color.map((part) => part >> 1),
        this.sheet.amount('sketch'),
      );
    } else {
      desaturate(data, this.sheet.amount('grey'), this.sheet.amount('light'));
    }
  }

  drawBlurred(data, union) {
    const { width, height, choice } = this.sheet;
    const step = this.sheet.px(this.sheet.effects.constants.work_step_px);
    const least = choice.objects === 'erase' ? 1 : this.sheet.effects.constants.object_weight;
    const small = blockSums(data, width, height, step, union, least);
    const radius = Math.max(1, roundEven(this.sheet.px(this.sheet.amount('blur_px')) / step));
    for (let turn = 0; turn < 2; turn++) {
      small.sums = boxBlurred(small.sums, small.columns, small.rows, radius);
    }
    this.sheet.drawEnlarged(blockMeans(small), step);
  }

  darken(union) {
    const { width, height } = this.sheet;
    const step = this.sheet.px(this.sheet.effects.constants.work_step_px);
    const small = new ImageData(Math.ceil(width / step), Math.ceil(height / step));
    const touched = new Uint8Array(small.width * small.height);
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y / step) * small.width;
      for (let x = 0; x < width; x++) {
        if (union[y * width + x]) touched[row + Math.floor(x / step)] = 1;
      }
    }
    const far = distanceTo(touched, small.width, small.height);
    const reach = this.sheet.px(this.sheet.amount('spotlight_px'));
    for (let i = 0; i < far.length; i++) {
      const way = Math.min(1, (far[i] * step) / reach);
      small.data[4 * i + 3] = Math.floor(
        255 * this.sheet.effects.constants.darkness * way * way * (3 - 2 * way) + 0.5,
      );
    }
    this.sheet.drawEnlarged(small, step);
  }

  /** The text over and over, every second row shifted; it is drawn once. */
  textPlate(color) {
    const { width, height, choice } = this.sheet;
    const text = choice.text.trim();
    const stamp = [text, choice.color, choice.strength].join('|');
    if (stamp === this.textStamp) return this.text.canvas;
    this.textStamp = stamp;
    const pen = (this.text = this.text || penOn(width, height));
    const {
      text_height_share: share,
      text_leading: leading,
      text_baseline: baseline,
    } = this.sheet.effects.constants;
    const size = Math.max(
      6,
      Math.round(share * (0.5 + choice.strength / 4) * Math.min(width, height)),
    );
    const step = Math.round(leading * size);
    pen.fillStyle = `rgb(${color.map((part) => part >> 1).join(',')})`;
    pen.fillRect(0, 0, width, height);
    pen.font = `600 ${size}px Inter, system-ui, sans-serif`;
    pen.fillStyle = `rgb(${color.map((part) => part + (255 - part) * 0.35).join(',')})`;
    const span = Math.max(1, pen.measureText(`${text}  `).width);
    for (let row = 0, top = -Math.floor(size / 4); top < height; row++, top += step) {
      const y = top + Math.round(baseline * size);
      for (let left = row % 2 ? -span / 2 : 0; left < width; left += span) {
        pen.fillText(text, left, y);
      }
    }
    return pen.canvas;
  }
}

/** Rounds halves to the even number, as Python does. */
function roundEven(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}
