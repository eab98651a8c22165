// Masks: COCO's compressed run lengths (column by column, the first run is background) to pixels.

/** Returns the run lengths of a compressed string, as COCO defines it: 5 bits a character. */
function decodeCounts(text) {
  const runs = [];
  let at = 0;
  while (at < text.length) {
    let value = 0, shift = 0, more = true;
    while (more && at < text.length) {
      const bits = text.charCodeAt(at++) - 48;
      value |= (bits & 31) << shift;
      more = (bits & 32) !== 0;
      shift += 5;
      if (!more && (bits & 16) && shift < 32) value |= -1 << shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** Returns how many pixels are set. */
function areaOf(counts) {
  return decodeCounts(counts).reduce((sum, run, index) => sum + (index % 2 ? run : 0), 0);
}

/**
 * Paints a mask into 32-bit pixels.
 * Every `step`-th column and row is kept, so that a huge video costs no more than a large one.
 */
function paintMask(counts, height, step, pixels, stride, color) {
  let position = 0;
  decodeCounts(counts).forEach((run, index) => {
    const end = position + run;
    if (index % 2) {
      let at = position;
      while (at < end) {
        const x = Math.floor(at / height), top = at - x * height;
        const bottom = Math.min(height, top + end - at);
        if (x % step === 0) {
          for (let y = Math.ceil(top / step) * step; y < bottom; y += step) {
            pixels[(y / step) * stride + x / step] = color;
          }
        }
        at += bottom - top;
      }
    }
    position = end;
  });
}
