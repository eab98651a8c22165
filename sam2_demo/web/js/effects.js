// Effects on objects and background, drawn as the server draws them for export (media/effects.py).

class EffectPainter {
  constructor(video) {
    this.video = video;
    this.step = Math.max(1, Math.ceil(Math.max(video.width, video.height) / MASK_SIDE));
    this.width = Math.ceil(video.width / this.step);
    this.height = Math.ceil(video.height / this.step);
    this.source = this.sheet(this.width, this.height);
    this.canvas = this.sheet(this.width, this.height);
    this.scratch = this.sheet(1, 1);
    this.textStamp = '';
  }

  /** Returns a pen on a canvas in ordinary memory, whose pixels can be read quickly. */
  sheet(width, height) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    return canvas.getContext('2d', { willReadFrequently: true });
  }

  amount(name) {
    return EFFECTS.strengths[name][this.choice.strength - 1];
  }

  px(reference, least = 1) {
    const side = Math.min(this.width, this.height) / EFFECTS.constants.reference_side;
    return Math.max(least, Math.floor(reference * side + 0.5));
  }

  /** Returns a canvas of the frame with effects; `objects` has counts and colours, the top first. */
  draw(picture, objects, choice, frame) {
    this.choice = choice;
    const { width, height, source } = this;
    source.drawImage(picture, 0, 0, width, height);
    const image = source.getImageData(0, 0, width, height);
    const parts = objects.map((object) =>
      new EffectPart(object, this.video, this.step, this, this.margin())).filter((part) => !part.isEmpty);
    const union = new Uint8Array(width * height);
    for (const part of parts) part.addTo(union, width);
    if (choice.objects === 'erase' && parts.length) this.erase(image, parts, union);
    this.drawBackground(image, union);
    if (choice.objects === 'spotlight') this.darken(union);
    parts.reverse(); // the first lies on top
    if (choice.objects === 'burst') for (const part of parts) this.drawRays(part, frame);
    if (choice.objects !== 'erase') for (const part of parts) this.drawObject(image.data, part, frame);
    return this.canvas.canvas;
  }

  margin() {
    if (this.choice.objects === 'cutout') return 3 * this.px(this.amount('sticker_px')) + 2;
    if (this.choice.objects === 'outline') return this.px(this.amount('outline_px')) + 2;
    return 2;
  }

  /** Fills the objects' places from what is near them; only the part around them is looked at. */
  erase(image, parts, union) {
    const { width, height, source } = this, margin = this.px(EFFECTS.constants.erase_margin_px);
    const boxes = parts.map((part) => part.box);
    const left = Math.min(...boxes.map((box) => box[0])), top = Math.min(...boxes.map((box) => box[1]));
    const right = Math.max(...boxes.map((box) => box[2])), bottom = Math.max(...boxes.map((box) => box[3]));
    const reach = margin + Math.floor(Math.max(right - left - 1, bottom - top - 1) / 2) + 1;
    const x0 = Math.max(0, left - reach), y0 = Math.max(0, top - reach);
    const x1 = Math.min(width, right + reach), y1 = Math.min(height, bottom + reach);
    const hole = new Uint8Array((x1 - x0) * (y1 - y0));
    for (let y = y0; y < y1; y++) {
      hole.set(union.subarray(y * width + x0, y * width + x1), (y - y0) * (x1 - x0));
    }
    const part = source.getImageData(x0, y0, x1 - x0, y1 - y0);
    fillHole(part.data, widened(hole, part.width, part.height, margin), part.width, part.height);
    source.putImageData(part, x0, y0);
    for (let y = 0; y < part.height; y++) {
      image.data.set(part.data.subarray(4 * y * part.width, 4 * (y + 1) * part.width),
        4 * ((y0 + y) * width + x0));
    }
  }

  drawBackground(image, union) {
    const { width, height, canvas, choice } = this, color = colorOfHex(choice.color);
    const drawn = new ImageData(new Uint8ClampedArray(image.data), width, height);
    if (choice.background === 'original') {
      canvas.drawImage(this.source.canvas, 0, 0);
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
    const { width, height, choice } = this;
    if (choice.background === 'pixelate') {
      this.pixelate(data, width, height, [0, 0], this.px(this.amount('block_px'), 2));
    } else if (choice.background === 'gradient') {
      duotone(data, width, height, color, [0, 0], width + height - 2);
    } else if (choice.background === 'outline') {
      sketch(data, width, height, color.map((part) => part >> 1), this.amount('sketch'));
    } else {
      desaturate(data, this.amount('grey'), this.amount('light'));
    }
  }

  drawBlurred(data, union) {
    const { width, height, choice } = this, step = this.px(EFFECTS.constants.work_step_px);
    const least = choice.objects === 'erase' ? 1 : EFFECTS.constants.object_weight;
    const small = blockSums(data, width, height, step, union, least);
    const radius = Math.max(1, roundEven(this.px(this.amount('blur_px')) / step));
    for (let turn = 0; turn < 2; turn++) {
      small.sums = boxBlurred(small.sums, small.columns, small.rows, radius);
    }
    this.drawEnlarged(blockMeans(small), step);
  }

  /** Draws a small picture `step` times as large with soft transitions. */
  drawEnlarged(small, step) {
    this.patch(small);
    this.canvas.imageSmoothingEnabled = true;
    this.canvas.drawImage(this.scratch.canvas, 0, 0, small.width, small.height,
      0, 0, small.width * step, small.height * step);
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
    this.canvas.drawImage(this.scratch.canvas, 0, 0, part.width, part.height,
      part.x, part.y, part.width, part.height);
  }

  pixelate(data, width, height, [left, top], side) {
    const means = blockMeans(blockSums(data, width, height, side));
    const from = new Uint32Array(means.data.buffer), to = new Uint32Array(data.buffer);
    for (let y = 0, at = 0; y < height; y++) {
      const row = Math.floor((y + top) / side) * means.width;
      for (let x = 0; x < width; x++, at++) to[at] = from[row + Math.floor((x + left) / side)];
    }
  }

  darken(union) {
    const { width, height } = this, step = this.px(EFFECTS.constants.work_step_px);
    const small = new ImageData(Math.ceil(width / step), Math.ceil(height / step));
    const touched = new Uint8Array(small.width * small.height);
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y / step) * small.width;
      for (let x = 0; x < width; x++) {
        if (union[y * width + x]) touched[row + Math.floor(x / step)] = 1;
      }
    }
    const far = distanceTo(touched, small.width, small.height);
    const reach = this.px(this.amount('spotlight_px'));
    for (let i = 0; i < far.length; i++) {
      const way = Math.min(1, far[i] * step / reach);
      small.data[4 * i + 3] = Math.floor(
        255 * EFFECTS.constants.darkness * way * way * (3 - 2 * way) + 0.5);
    }
    this.drawEnlarged(small, step);
  }

  drawRays({ box, color }, frame) {
    const { canvas, width, height } = this, rays = this.amount('rays');
    const x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2, reach = Math.hypot(width, height);
    const fade = canvas.createRadialGradient(x, y, 0, x, y, reach);
    fade.addColorStop(0, `rgba(${color.join(',')},${EFFECTS.constants.ray_alpha})`);
    fade.addColorStop(1, `rgba(${color.join(',')},0)`);
    canvas.fillStyle = fade;
    canvas.beginPath();
    for (let ray = 0; ray < rays; ray++) {
      const turn = 2 * Math.PI * ray / rays + EFFECTS.constants.ray_turn * frame;
      const half = Math.PI / (2 * rays);
      canvas.moveTo(x, y);
      for (const side of [turn - half, turn + half]) {
        canvas.lineTo(x + reach * Math.cos(side), y + reach * Math.sin(side));
      }
    }
    canvas.fill();
  }

  drawObject(pixels, part, frame) {
    const { choice } = this;
    if (choice.objects === 'overlay') {
      if (choice.background !== 'original') this.drawSource(this.sourceOf(pixels, part), part);
      this.drawOverlay(part);
      return;
    }
    const image = this.sourceOf(pixels, part);
    if (choice.objects === 'cutout') this.drawSticker(part, this.px(this.amount('sticker_px')));
    else if (choice.objects === 'outline') this.drawRing(part, this.px(this.amount('outline_px')));
    else if (choice.objects === 'gradient') {
      const [left, top, right, bottom] = part.box;
      duotone(image.data, part.width, part.height, part.color, [part.x - left, part.y - top],
        right - left + bottom - top);
    } else if (choice.objects === 'pixelate') this.pixelatePart(image, part);
    else if (choice.objects === 'noise') this.addNoise(image.data, part, frame);
    this.drawSource(image, part);
    if (choice.objects === 'emoji') this.drawEmoji(part.box);
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
    const share = neighboursOf(part.mask, part.width, part.height);
    for (let i = 0; i < share.length; i++) image.data[4 * i + 3] = share[i] * 255 / 9;
    this.drawPatch(image, part);
  }

  /** Draws a patch whose pixels a function gives as whole numbers, as `packed` makes them. */
  drawMade(part, pixelAt) {
    const image = new ImageData(part.width, part.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = pixelAt(i);
    this.drawPatch(image, part);
  }

  drawOverlay(part) {
    const { width, height, mask, color } = part, line = this.px(EFFECTS.constants.overlay_outline_px);
    const outside = new Uint8Array(mask.length);
    for (let i = 0; i < mask.length; i++) outside[i] = 1 - mask[i];
    const edge = widened(outside, width, height, line);
    this.markBorder(edge, part, line);
    const fill = packed(color, this.amount('fill')), solid = packed(color, 1);
    this.drawMade(part, (i) => (mask[i] ? (edge[i] ? solid : fill) : 0));
  }

  /** An object that leaves the frame has its outline there, too. */
  markBorder(edge, { x, y, width, height }, line) {
    for (let row = 0; row < height; row++) {
      if (y + row < line || y + row >= this.height - line) {
        edge.fill(1, row * width, (row + 1) * width);
      }
      edge.fill(1, row * width, row * width + Math.max(0, line - x));
      edge.fill(1, row * width + Math.min(width, this.width - line - x), (row + 1) * width);
    }
  }

  drawSticker(part, width) {
    const far = distanceTo(part.mask, part.width, part.height), { shadow } = EFFECTS.constants;
    this.drawMade(part, (i) => {
      const beyond = far[i] - width;
      if (beyond >= 2 * width) return 0;
      const border = Math.min(1, Math.max(0, 0.5 - beyond));
      const shade = shadow * Math.min(1, 1 - beyond / (2 * width));
      const alpha = border + shade * (1 - border), light = 255 * border / alpha;
      return packed([light, light, light], alpha);
    });
  }

  drawRing({ mask, width, height, color, ...place }, thickness) {
    const far = distanceTo(mask, width, height);
    this.drawMade({ width, height, ...place }, (i) => (far[i] >= thickness + 0.5 ? 0
      : packed(color, Math.min(1, thickness + 0.5 - far[i]))));
  }

  /** Blocks lie where those of the whole picture do, so the part grows to whole blocks. */
  pixelatePart(image, part) {
    const side = this.px(this.amount('block_px'), 2);
    const left = Math.floor(part.x / side) * side, top = Math.floor(part.y / side) * side;
    const right = Math.min(this.width, Math.ceil((part.x + part.width) / side) * side);
    const bottom = Math.min(this.height, Math.ceil((part.y + part.height) / side) * side);
    const blocks = this.source.getImageData(left, top, right - left, bottom - top);
    this.pixelate(blocks.data, blocks.width, blocks.height, [0, 0], side);
    for (let y = 0; y < part.height; y++) {
      const at = ((part.y + y - top) * blocks.width + part.x - left) * 4;
      image.data.set(blocks.data.subarray(at, at + part.width * 4), y * part.width * 4);
    }
  }

  addNoise(data, part, frame) {
    const cell = this.px(EFFECTS.constants.noise_cell_px), share = this.amount('noise');
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
    const { canvas } = this, x = (left + right) / 2, y = (top + bottom) / 2;
    const radius = EFFECTS.constants.emoji_share * Math.sqrt((right - left) * (bottom - top)) / 2;
    for (const [color, points] of EFFECTS.emoji[this.choice.emoji]) {
      canvas.fillStyle = `rgb(${color.join(',')})`;
      canvas.beginPath();
      for (const [px, py] of points) canvas.lineTo(x + radius * px, y + radius * py);
      canvas.fill();
    }
  }

  /** The text over and over, every second row shifted; it is drawn once. */
  textPlate(color) {
    const { width, height, choice } = this, text = choice.text.trim();
    const stamp = [text, choice.color, choice.strength].join('|');
    if (stamp === this.textStamp) return this.text.canvas;
    this.textStamp = stamp;
    const pen = this.text = this.text || this.sheet(width, height);
    const { text_height_share: share, text_leading: leading, text_baseline: baseline } = EFFECTS.constants;
    const size = Math.max(6, Math.round(share * (0.5 + choice.strength / 4) * Math.min(width, height)));
    const step = Math.round(leading * size);
    pen.fillStyle = `rgb(${color.map((part) => part >> 1).join(',')})`;
    pen.fillRect(0, 0, width, height);
    pen.font = `600 ${size}px Inter, system-ui, sans-serif`;
    pen.fillStyle = `rgb(${color.map((part) => part + (255 - part) * 0.35).join(',')})`;
    const span = Math.max(1, pen.measureText(`${text}  `).width);
    for (let row = 0, top = -Math.floor(size / 4); top < height; row++, top += step) {
      const y = top + Math.round(baseline * size);
      for (let left = row % 2 ? -span / 2 : 0; left < width; left += span) pen.fillText(text, left, y);
    }
    return pen.canvas;
  }
}

function colorOfHex(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Rounds halves to the even number, as Python does. */
function roundEven(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + low % 2 : Math.round(value);
}

/** Returns a colour and its opacity, 0 to 1, as one number of a pixel's four bytes. */
function packed([red, green, blue], alpha) {
  return ((Math.round(255 * alpha) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
