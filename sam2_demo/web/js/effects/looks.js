// The looks of pictures, pixel by pixel: the same as on the server (export/effects).
// Pictures are RGBA bytes.

function lumaOf(pixels) {
  const light = new Uint8Array(pixels.length >> 2);
  for (let i = 0, at = 0; i < light.length; i++, at += 4) {
    light[i] = (77 * pixels[at] + 150 * pixels[at + 1] + 29 * pixels[at + 2]) >> 8;
  }
  return light;
}

/** Writes a picture's light and shade in colours that change from one corner to the other. */
export function duotone(pixels, width, height, color, [left, top], span) {
  const end = partnerOf(color);
  const diagonals = width + height - 1;
  const hues = new Float32Array(3 * diagonals);
  for (let way = 0; way < diagonals; way++) {
    const share = Math.min(1, Math.max(0, (way + left + top) / Math.max(span, 1)));
    for (let channel = 0; channel < 3; channel++) {
      hues[3 * way + channel] = color[channel] + (end[channel] - color[channel]) * share;
    }
  }
  const shades = new Float32Array(256);
  const shines = new Float32Array(256);
  for (let light = 0; light < 256; light++) {
    shades[light] = Math.min(1, (2 * light) / 255);
    shines[light] = Math.max(0, (2 * light) / 255 - 1) * 0.7;
  }
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0, hue = 3 * y; x < width; x++, at += 4, hue += 3) {
      const light = (77 * pixels[at] + 150 * pixels[at + 1] + 29 * pixels[at + 2]) >> 8;
      const shade = shades[light];
      const shine = shines[light];
      pixels[at] = hues[hue] * shade + (255 - hues[hue]) * shine;
      pixels[at + 1] = hues[hue + 1] * shade + (255 - hues[hue + 1]) * shine;
      pixels[at + 2] = hues[hue + 2] * shade + (255 - hues[hue + 2]) * shine;
    }
  }
}

/** The colour that a gradient from this one ends with. */
function partnerOf([red, green, blue]) {
  return [blue, red, green];
}

/** Writes a picture in shades of grey as far as `share` says, darker where `light` is below 1. */
export function desaturate(pixels, share, light) {
  for (let at = 0; at < pixels.length; at += 4) {
    const grey = share * ((77 * pixels[at] + 150 * pixels[at + 1] + 29 * pixels[at + 2]) >> 8);
    pixels[at] = (pixels[at] * (1 - share) + grey) * light;
    pixels[at + 1] = (pixels[at + 1] * (1 - share) + grey) * light;
    pixels[at + 2] = (pixels[at + 2] * (1 - share) + grey) * light;
  }
}

/** Writes a picture's edges in ink on white paper. */
export function sketch(pixels, width, height, ink, gain) {
  const light = lumaOf(pixels);
  const smooth = neighboursSum(light, width, height);
  for (let y = 0, at = 0; y < height; y++) {
    const up = Math.max(0, y - 1) * width;
    const here = y * width;
    const down = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++, at += 4) {
      const left = x ? x - 1 : 0;
      const right = x + 1 < width ? x + 1 : x;
      const across =
        smooth[up + right] +
        2 * smooth[here + right] +
        smooth[down + right] -
        smooth[up + left] -
        2 * smooth[here + left] -
        smooth[down + left];
      const along =
        smooth[down + left] +
        2 * smooth[down + x] +
        smooth[down + right] -
        smooth[up + left] -
        2 * smooth[up + x] -
        smooth[up + right];
      const stroke = Math.min(1, ((Math.abs(across) + Math.abs(along)) * gain) / (9 * 255));
      pixels[at] = 255 + (ink[0] - 255) * stroke;
      pixels[at + 1] = 255 + (ink[1] - 255) * stroke;
      pixels[at + 2] = 255 + (ink[2] - 255) * stroke;
    }
  }
}

/** Returns the sum of the 3 x 3 values around each one, beyond the border as at the border. */
function neighboursSum(values, width, height) {
  const rows = new Uint16Array(values.length);
  const sums = new Uint16Array(values.length);
  for (let y = 0; y < height; y++) {
    const up = Math.max(0, y - 1) * width;
    const here = y * width;
    const down = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      rows[here + x] = values[up + x] + values[here + x] + values[down + x];
    }
    for (let x = 0; x < width; x++) {
      sums[here + x] =
        rows[here + (x ? x - 1 : 0)] + rows[here + x] + rows[here + (x + 1 < width ? x + 1 : x)];
    }
  }
  return sums;
}

/** Returns grey noise, 0 to 255, that is the same whenever a frame is drawn. */
export function grainAt(column, row, frame) {
  let mixed =
    (Math.imul(column, 374761393) + Math.imul(row, 668265263) + Math.imul(frame, 2246822519)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 1274126177) >>> 0;
  return (mixed ^ (mixed >>> 16)) & 255;
}
