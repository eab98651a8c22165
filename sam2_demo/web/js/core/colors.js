// Colours as hexadecimal text, as numbers, and as the four bytes of a pixel.

export function hexOf(color) {
  return `#${color.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

export function rgbOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Returns a colour and its opacity, 0 to 1, as one number of a pixel's four bytes. */
export function packed([red, green, blue], alpha) {
  return ((Math.round(255 * alpha) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
