// The objects' effects, drawn as the server draws them for export (export/effects).

import { packed } from '../core/colors.js';
import { distanceTo } from '../core/edges.js';
import { fillHole } from './fill.js';
import { duotone, grainAt } from './looks.js';
import { widened } from './masks.js';

export class ObjectEffects {
  constructor(sheet) {
    this.sheet = sheet;
  }

  margin() {
    if (this.sheet.choice.objects === 'cutout') {
      return 3 * this.sheet.px(this.sheet.amount('sticker_px')) + 2;
    }
    if (this.sheet.choice.objects === 'outline') {
      return this.sheet.px(this.sheet.amount('outline_px')) + 2;
    }
    return 2;
  }

  /** Fills the objects in from their surroundings; only the area around them is processed. */
  erase(image, parts, union) {
    const { width, height, source } = this.sheet;
    const margin = this.sheet.px(this.sheet.effects.constants.erase_margin_px);
    const boxes = parts.map((part) => part.box);
    const left = Math.min(...boxes.map((box) => box[0]));
    const top = Math.min(...boxes.map((box) => box[1]));
    const right = Math.max(...boxes.map((box) => box[2]));
    const bottom = Math.max(...boxes.map((box) => box[3]));
    const reach = margin + Math.floor(Math.max(right - left - 1, bottom - top - 1) / 2) + 1;
    const x0 = Math.max(0, left - reach);
    const y0 = Math.max(0, top - reach);
    const x1 = Math.min(width, right + reach);
    const y1 = Math.min(height, bottom + reach);
    const hole = new Uint8Array((x1 - x0) * (y1 - y0));
    for (let y = y0; y < y1; y++) {
      hole.set(union.subarray(y * width + x0, y * width + x1), (y - y0) * (x1 - x0));
    }
    const part = source.getImageData(x0, y0, x1 - x0, y1 - y0);
    fillHole(part.data, widened(hole, part.width, part.height, margin), part.width, part.height);
    source.putImageData(part, x0, y0);
    for (let y = 0; y < part.height; y++) {
      image.data.set(
        part.data.subarray(4 * y * part.width, 4 * (y + 1) * part.width),
        4 * ((y0 + y) * width + x0),
      );
    }
  }

  drawRays({ box, color }, frame) {
    const { canvas, width, height } = this.sheet;
    const rays = this.sheet.amount('rays');
    const x = (box[0] + box[2]) / 2;
    const y = (box[1] + box[3]) / 2;
    const reach = Math.hypot(width, height);
    const fade = canvas.createRadialGradient(x, y, 0, x, y, reach);
    fade.addColorStop(0, `rgba(${color.join(',')},${this.sheet.effects.constants.ray_alpha})`);
    fade.addColorStop(1, `rgba(${color.join(',')},0)`);
    canvas.fillStyle = fade;
    canvas.beginPath();
    for (let ray = 0; ray < rays; ray++) {
      const turn = (2 * Math.PI * ray) / rays + this.sheet.effects.constants.ray_turn * frame;
      const half = Math.PI / (2 * rays);
      canvas.moveTo(x, y);
      for (const side of [turn - half, turn + half]) {
        canvas.lineTo(x + reach * Math.cos(side), y + reach * Math.sin(side));
      }
    }
    canvas.fill();
  }

  draw(pixels, part, frame) {
    const { choice } = this.sheet;
    if (choice.objects === 'overlay') {
      if (choice.background !== 'original') {
        this.sheet.drawSource(this.sheet.sourceOf(pixels, part), part);
      }
      this.drawOverlay(part);
      return;
    }
    const image = this.sheet.sourceOf(pixels, part);
    if (choice.objects === 'cutout') {
      this.drawSticker(part, this.sheet.px(this.sheet.amount('sticker_px')));
    } else if (choice.objects === 'outline') {
      this.drawRing(part, this.sheet.px(this.sheet.amount('outline_px')));
    } else if (choice.objects === 'gradient') {
      const [left, top, right, bottom] = part.box;
      duotone(
        image.data,
        part.width,
        part.height,
        part.color,
        [part.x - left, part.y - top],
        right - left + bottom - top,
      );
    } else if (choice.objects === 'pixelate') this.pixelatePart(image, part);
    else if (choice.objects === 'noise') this.addNoise(image.data, part, frame);
    this.sheet.drawSource(image, part);
    if (choice.objects === 'emoji') this.drawEmoji(part.box);
  }

  drawOverlay(part) {
    const { width, height, mask, matte, color } = part;
    const line = this.sheet.px(this.sheet.effects.constants.overlay_outline_px);
    const outside = new Uint8Array(mask.length);
    for (let i = 0; i < mask.length; i++) outside[i] = 1 - mask[i];
    const edge = widened(outside, width, height, line);
    this.markBorder(edge, part, line);
    const share = this.sheet.amount('fill');
    const fill = packed(color, share);
    const solid = packed(color, 1);
    if (matte) this.sheet.drawMade(part, (i) => packed(color, share * matte[i]));
    this.sheet.drawMade(part, (i) => (mask[i] ? (edge[i] ? solid : matte ? 0 : fill) : 0));
  }

  /** Outlines an object along the frame's border, too. */
  markBorder(edge, { x, y, width, height }, line) {
    for (let row = 0; row < height; row++) {
      if (y + row < line || y + row >= this.sheet.height - line) {
        edge.fill(1, row * width, (row + 1) * width);
      }
      edge.fill(1, row * width, row * width + Math.max(0, line - x));
      edge.fill(1, row * width + Math.min(width, this.sheet.width - line - x), (row + 1) * width);
    }
  }

  drawSticker(part, width) {
    const far = distanceTo(part.mask, part.width, part.height);
    const { shadow } = this.sheet.effects.constants;
    this.sheet.drawMade(part, (i) => {
      const beyond = far[i] - width;
      if (beyond >= 2 * width) return 0;
      const border = Math.min(1, Math.max(0, 0.5 - beyond));
      const shade = shadow * Math.min(1, 1 - beyond / (2 * width));
      const alpha = border + shade * (1 - border);
      const light = (255 * border) / alpha;
      return packed([light, light, light], alpha);
    });
  }

  drawRing({ mask, width, height, color, ...place }, thickness) {
    const far = distanceTo(mask, width, height);
    this.sheet.drawMade({ width, height, ...place }, (i) =>
      far[i] >= thickness + 0.5 ? 0 : packed(color, Math.min(1, thickness + 0.5 - far[i])),
    );
  }

  /** Blocks align with those of the whole frame, so the part grows to whole blocks. */
  pixelatePart(image, part) {
    const side = this.sheet.px(this.sheet.amount('block_px'), 2);
    const left = Math.floor(part.x / side) * side;
    const top = Math.floor(part.y / side) * side;
    const right = Math.min(this.sheet.width, Math.ceil((part.x + part.width) / side) * side);
    const bottom = Math.min(this.sheet.height, Math.ceil((part.y + part.height) / side) * side);
    const blocks = this.sheet.source.getImageData(left, top, right - left, bottom - top);
    this.sheet.pixelate(blocks.data, blocks.width, blocks.height, [0, 0], side);
    for (let y = 0; y < part.height; y++) {
      const at = ((part.y + y - top) * blocks.width + part.x - left) * 4;
      image.data.set(blocks.data.subarray(at, at + part.width * 4), y * part.width * 4);
    }
  }

  addNoise(data, part, frame) {
    const cell = this.sheet.px(this.sheet.effects.constants.noise_cell_px);
    const share = this.sheet.amount('noise');
    for (let y = 0, at = 0; y < part.height; y++) {
      const row = Math.floor((y + part.y) / cell);
      for (let x = 0; x < part.width; x++, at += 4) {
        const grain = grainAt(Math.floor((x + part.x) / cell), row, frame);
        for (let channel = at; channel < at + 3; channel++) {
          data[channel] = Math.floor(data[channel] + (grain - data[channel]) * share + 0.5);
        }
      }
    }
  }

  drawEmoji([left, top, right, bottom]) {
    const { canvas } = this.sheet;
    const x = (left + right) / 2;
    const y = (top + bottom) / 2;
    const radius =
      (this.sheet.effects.constants.emoji_share * Math.sqrt((right - left) * (bottom - top))) / 2;
    for (const [color, points] of this.sheet.effects.emoji[this.sheet.choice.emoji]) {
      canvas.fillStyle = `rgb(${color.join(',')})`;
      canvas.beginPath();
      for (const [px, py] of points) canvas.lineTo(x + radius * px, y + radius * py);
      canvas.fill();
    }
  }
}
