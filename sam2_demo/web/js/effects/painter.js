// Effects on objects and background, drawn as the server draws them for export (export/effects).

import { BackgroundEffects } from './background.js';
import { ObjectEffects } from './objects.js';
import { EffectPart } from './part.js';
import { EffectSheet } from './sheet.js';

export class EffectPainter {
  /** `effects` is what the server's effects consist of: strengths, constants, shapes. */
  constructor(video, effects) {
    this.sheet = new EffectSheet(video, effects);
    this.background = new BackgroundEffects(this.sheet);
    this.objects = new ObjectEffects(this.sheet);
  }

  /** Returns the frame and its effects; `objects` are {counts, color}, topmost first. */
  draw(picture, objects, choice, frame) {
    const { sheet } = this;
    const image = sheet.begin(picture, choice);
    const margin = this.objects.margin();
    const parts = objects
      .map((object) => new EffectPart(object, sheet.video, sheet.step, sheet, margin))
      .filter((part) => !part.isEmpty);
    const union = new Uint8Array(sheet.width * sheet.height);
    for (const part of parts) part.addTo(union, sheet.width);
    if (choice.objects === 'erase' && parts.length) this.objects.erase(image, parts, union);
    this.background.draw(image, union);
    if (choice.objects === 'spotlight') this.background.darken(union);
    parts.reverse(); // the first is on top
    for (const part of parts) {
      if (choice.objects === 'burst') this.objects.drawRays(part, frame);
    }
    for (const part of parts) {
      if (choice.objects !== 'erase') this.objects.draw(image.data, part, frame);
    }
    return sheet.canvas.canvas;
  }
}
