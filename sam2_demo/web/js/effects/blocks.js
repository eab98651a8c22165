// Pictures in blocks, and blurred: the same as on the server (export/effects).
// Pictures are RGBA bytes.

/**
 * Returns the sums of red, green, blue and weight over square blocks, four numbers each.
 * A pixel's weight is 1, or `less` where a mask is given and set.
 */
export function blockSums(pixels, width, height, side, mask = null, less = 1) {
  const columns = Math.ceil(width / side);
  const rows = Math.ceil(height / side);
  const sums = new Float32Array(columns * rows * 4);
  for (let y = 0; y < height; y++) {
    let to = Math.floor(y / side) * columns * 4;
    let i = y * width;
    for (let left = 0; left < width; left += side, to += 4) {
      let red = 0;
      let green = 0;
      let blue = 0;
      let weights = 0;
      for (const end = i + Math.min(side, width - left); i < end; i++) {
        const weight = mask !== null && mask[i] ? less : 1;
        const at = i * 4;
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
export function blockMeans({ sums, columns, rows }) {
  const means = new ImageData(columns, rows);
  const { data } = means;
  for (let at = 0; at < sums.length; at += 4) {
    for (let channel = 0; channel < 3; channel++) {
      data[at + channel] = Math.floor(sums[at + channel] / sums[at + 3] + 0.5);
    }
    data[at + 3] = 255;
  }
  return means;
}

/** Returns the means of a square window around each place, beyond the border as at the border. */
export function boxBlurred(values, columns, rows, radius) {
  const turned = blurredRows(values, columns, rows, radius);
  return blurredRows(turned, rows, columns, radius);
}

/** Blurs each row of four channels and returns the picture with rows and columns exchanged. */
function blurredRows(values, columns, rows, radius) {
  const turned = new Float32Array(values.length);
  const span = 2 * radius + 1;
  const last = columns - 1;
  for (let y = 0; y < rows; y++) {
    for (let channel = 0; channel < 4; channel++) {
      const start = y * columns * 4 + channel;
      let sum = values[start] * (radius + 1);
      for (let x = 1; x <= radius; x++) sum += values[start + Math.min(x, last) * 4];
      for (let x = 0; x < columns; x++) {
        turned[(x * rows + y) * 4 + channel] = sum / span;
        sum +=
          values[start + Math.min(x + radius + 1, last) * 4] -
          values[start + Math.max(x - radius, 0) * 4];
      }
    }
  }
  return turned;
}
