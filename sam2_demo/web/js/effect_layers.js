// The pictures that effects are made of, from pixels to pixels: the same as on the server
// (media/effect_layers.py). Pictures are RGBA bytes, masks a byte for each pixel, 0 or 1.

function lumaOf(pixels) {
  const light = new Uint8Array(pixels.length >> 2);
  for (let i = 0, at = 0; i < light.length; i++, at += 4) {
    light[i] = (77 * pixels[at] + 150 * pixels[at + 1] + 29 * pixels[at + 2]) >> 8;
  }
  return light;
}

/**
 * Returns the sums of red, green, blue and weight over square blocks, four numbers each.
 * A pixel's weight is 1, or `less` where a mask is given and set.
 */
function blockSums(pixels, width, height, side, mask = null, less = 1) {
  const columns = Math.ceil(width / side), rows = Math.ceil(height / side);
  const sums = new Float32Array(columns * rows * 4);
  for (let y = 0; y < height; y++) {
    let to = Math.floor(y / side) * columns * 4, i = y * width;
    for (let left = 0; left < width; left += side, to += 4) {
      let red = 0, green = 0, blue = 0, weights = 0;
      for (const end = i + Math.min(side, width - left); i < end; i++) {
        const weight = mask !== null && mask[i] ? less : 1, at = i * 4;
        red += pixels[at] * weight;
        green += pixels[at + 1] * weight;
        blue += pixels[at + 2] * weight;
        weights += weight;
      }
      sums[to] += red;
      sums[to + 1] += green;
      sums[to + 2] += blue;
      sums[to + 3] += weights;
    }
  }
  return { sums, columns, rows };
}

/** Returns the mean colour of each block as RGBA bytes. */
function blockMeans({ sums, columns, rows }) {
  const means = new ImageData(columns, rows), { data } = means;
  for (let at = 0; at < sums.length; at += 4) {
    for (let channel = 0; channel < 3; channel++) {
      data[at + channel] = Math.floor(sums[at + channel] / sums[at + 3] + 0.5);
    }
    data[at + 3] = 255;
  }
  return means;
}

/** Returns the means of a square window around each place, beyond the border as at the border. */
function boxBlurred(values, columns, rows, radius) {
  const turned = blurredRows(values, columns, rows, radius);
  return blurredRows(turned, rows, columns, radius);
}

/** Blurs each row of four channels and returns the picture with rows and columns exchanged. */
function blurredRows(values, columns, rows, radius) {
  const turned = new Float32Array(values.length), span = 2 * radius + 1, last = columns - 1;
  for (let y = 0; y < rows; y++) {
    for (let channel = 0; channel < 4; channel++) {
      const start = y * columns * 4 + channel;
      let sum = values[start] * (radius + 1);
      for (let x = 1; x <= radius; x++) sum += values[start + Math.min(x, last) * 4];
      for (let x = 0; x < columns; x++) {
        turned[(x * rows + y) * 4 + channel] = sum / span;
        sum += values[start + Math.min(x + radius + 1, last) * 4]
          - values[start + Math.max(x - radius, 0) * 4];
      }
    }
  }
  return turned;
}

/** Returns how far each pixel is from a mask, in steps along and across, as OpenCV counts them. */
function distanceTo(mask, width, height) {
  const ALONG = 0.955, ACROSS = 1.3693, stride = width + 2;
  const far = new Float32Array(stride * (height + 2)).fill(1e6);
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = (y + 1) * stride + 1; x < width; x++, at++) {
      if (mask[y * width + x]) far[at] = 0;
      else {
        const along = far[at - 1] < far[at - stride] ? far[at - 1] : far[at - stride];
        const one = far[at - stride - 1], other = far[at - stride + 1];
        const across = one < other ? one : other;
        far[at] = along + ALONG < across + ACROSS ? along + ALONG : across + ACROSS;
      }
    }
  }
  const found = new Float32Array(width * height);
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1, at = (y + 1) * stride + width; x >= 0; x--, at--) {
      const along = far[at + 1] < far[at + stride] ? far[at + 1] : far[at + stride];
      const one = far[at + stride + 1], other = far[at + stride - 1];
      const across = one < other ? one : other;
      const near = along + ALONG < across + ACROSS ? along + ALONG : across + ACROSS;
      found[y * width + x] = far[at] = near < far[at] ? near : far[at];
    }
  }
  return found;
}

/** Returns how many of the 3 x 3 pixels around each one are in the mask, 0 to 9. */
function neighboursOf(mask, width, height) {
  const rows = new Uint8Array(mask.length), found = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    const up = Math.max(0, y - 1) * width, down = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) rows[y * width + x] =
      mask[up + x] + mask[y * width + x] + mask[down + x];
  }
  for (let y = 0; y < height; y++) {
    const start = y * width;
    for (let x = 0; x < width; x++) found[start + x] = rows[start + Math.max(0, x - 1)]
      + rows[start + x] + rows[start + Math.min(width - 1, x + 1)];
  }
  return found;
}

/** Returns a mask with all that is within a margin, sideways and up and down. */
function widened(mask, width, height, margin) {
  const across = new Uint8Array(mask.length), found = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    const start = y * width;
    for (let x = 0, reach = -1; x < width; x++) {
      if (mask[start + x]) reach = x + margin;
      if (x <= reach) across[start + x] = 1;
    }
    for (let x = width - 1, reach = width; x >= 0; x--) {
      if (mask[start + x]) reach = x - margin;
      if (x >= reach) across[start + x] = 1;
    }
  }
  const below = new Int32Array(width).fill(-1), above = new Int32Array(width).fill(height);
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = y * width; x < width; x++, at++) {
      if (across[at]) below[x] = y + margin;
      if (y <= below[x]) found[at] = 1;
    }
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = 0, at = y * width; x < width; x++, at++) {
      if (across[at]) above[x] = y - margin;
      if (y >= above[x]) found[at] = 1;
    }
  }
  return found;
}

/** Fills a hole in a picture smoothly from what is around it, in place. */
function fillHole(pixels, hole, width, height) {
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
  const sums = less.values = new Float32Array(less.width * less.height * 4);
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
  const top = y ? (y - 1) >> 1 : 0, left = x ? (x - 1) >> 1 : 0;
  const bottom = Math.min(height - 1, (y + 1) >> 1), right = Math.min(width - 1, (x + 1) >> 1);
  const down = y % 2 ? 0.25 : 0.75, across = x % 2 ? 0.25 : 0.75;
  const one = 4 * (top * width + left), two = 4 * (top * width + right);
  const three = 4 * (bottom * width + left), four = 4 * (bottom * width + right);
  for (let channel = 0; channel < 3; channel++) {
    const upper = values[one + channel] * (1 - across) + values[two + channel] * across;
    const lower = values[three + channel] * (1 - across) + values[four + channel] * across;
    to[at + channel] += share * (upper * (1 - down) + lower * down);
  }
}

/** The colour that a gradient from this one ends with. */
function partnerOf([red, green, blue]) {
  return [blue, red, green];
}

/** Writes a picture's light and shade in colours that change from one corner to the other. */
function duotone(pixels, width, height, color, [left, top], span) {
  const end = partnerOf(color), diagonals = width + height - 1;
  const hues = new Float32Array(3 * diagonals);
  for (let way = 0; way < diagonals; way++) {
    const share = Math.min(1, Math.max(0, (way + left + top) / Math.max(span, 1)));
    for (let channel = 0; channel < 3; channel++) {
      hues[3 * way + channel] = color[channel] + (end[channel] - color[channel]) * share;
    }
  }
  const shades = new Float32Array(256), shines = new Float32Array(256);
  for (let light = 0; light < 256; light++) {
    shades[light] = Math.min(1, 2 * light / 255);
    shines[light] = Math.max(0, 2 * light / 255 - 1) * 0.7;
  }
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0, hue = 3 * y; x < width; x++, at += 4, hue += 3) {
      const light = (77 * pixels[at] + 150 * pixels[at + 1] + 29 * pixels[at + 2]) >> 8;
      const shade = shades[light], shine = shines[light];
      pixels[at] = hues[hue] * shade + (255 - hues[hue]) * shine;
      pixels[at + 1] = hues[hue + 1] * shade + (255 - hues[hue + 1]) * shine;
      pixels[at + 2] = hues[hue + 2] * shade + (255 - hues[hue + 2]) * shine;
    }
  }
}

/** Writes a picture in shades of grey as far as `share` says, darker where `light` is below 1. */
function desaturate(pixels, share, light) {
  for (let at = 0; at < pixels.length; at += 4) {
    const grey = share * ((77 * pixels[at] + 150 * pixels[at + 1] + 29 * pixels[at + 2]) >> 8);
    pixels[at] = (pixels[at] * (1 - share) + grey) * light;
    pixels[at + 1] = (pixels[at + 1] * (1 - share) + grey) * light;
    pixels[at + 2] = (pixels[at + 2] * (1 - share) + grey) * light;
  }
}

/** Writes a picture's edges in ink on white paper. */
function sketch(pixels, width, height, ink, gain) {
  const light = lumaOf(pixels), smooth = neighboursSum(light, width, height);
  for (let y = 0, at = 0; y < height; y++) {
    const up = Math.max(0, y - 1) * width, here = y * width, down = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++, at += 4) {
      const left = x ? x - 1 : 0, right = x + 1 < width ? x + 1 : x;
      const across = smooth[up + right] + 2 * smooth[here + right] + smooth[down + right]
        - smooth[up + left] - 2 * smooth[here + left] - smooth[down + left];
      const along = smooth[down + left] + 2 * smooth[down + x] + smooth[down + right]
        - smooth[up + left] - 2 * smooth[up + x] - smooth[up + right];
      const stroke = Math.min(1, (Math.abs(across) + Math.abs(along)) * gain / (9 * 255));
      pixels[at] = 255 + (ink[0] - 255) * stroke;
      pixels[at + 1] = 255 + (ink[1] - 255) * stroke;
      pixels[at + 2] = 255 + (ink[2] - 255) * stroke;
    }
  }
}

/** Returns the sum of the 3 x 3 values around each one, beyond the border as at the border. */
function neighboursSum(values, width, height) {
  const rows = new Uint16Array(values.length), sums = new Uint16Array(values.length);
  for (let y = 0; y < height; y++) {
    const up = Math.max(0, y - 1) * width, here = y * width, down = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) rows[here + x] = values[up + x] + values[here + x] + values[down + x];
    for (let x = 0; x < width; x++) sums[here + x] = rows[here + (x ? x - 1 : 0)] + rows[here + x]
      + rows[here + (x + 1 < width ? x + 1 : x)];
  }
  return sums;
}

/** Returns grey noise, 0 to 255, that is the same whenever a frame is drawn. */
function grainAt(column, row, frame) {
  let mixed = (Math.imul(column, 374761393) + Math.imul(row, 668265263)
    + Math.imul(frame, 2246822519)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 1274126177) >>> 0;
  return (mixed ^ (mixed >>> 16)) & 255;
}
