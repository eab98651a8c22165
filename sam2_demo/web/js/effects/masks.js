// Masks widened and counted: the same as on the server (export/effects). Masks have one byte per
// pixel, 0 or 1.

/** Returns how many of the 3 x 3 pixels around each one are in the mask, 0 to 9. */
export function neighboursOf(mask, width, height) {
  const rows = new Uint8Array(mask.length);
  const found = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    const up = Math.max(0, y - 1) * width;
    const down = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      rows[y * width + x] = mask[up + x] + mask[y * width + x] + mask[down + x];
    }
  }
  for (let y = 0; y < height; y++) {
    const start = y * width;
    for (let x = 0; x < width; x++) {
      found[start + x] =
        rows[start + Math.max(0, x - 1)] +
        rows[start + x] +
        rows[start + Math.min(width - 1, x + 1)];
    }
  }
  return found;
}

/** Returns a mask with all that is within a margin, sideways and up and down. */
export function widened(mask, width, height, margin) {
  const across = new Uint8Array(mask.length);
  const found = new Uint8Array(mask.length);
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
  const below = new Int32Array(width).fill(-1);
  const above = new Int32Array(width).fill(height);
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
