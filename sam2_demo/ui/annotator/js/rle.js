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
 * Returns a mask's runs column by column: top and bottom of each in `ends`, those of a column from
 * `first[column]` on. Of every `step` columns and rows one is kept, so that a huge video costs no
 * more than a large one.
 */
function columnsOf(counts, height, step, columns) {
  const ends = [], first = new Int32Array(columns + 1);
  let position = 0, column = 0;
  decodeCounts(counts).forEach((run, index) => {
    const end = position + run;
    for (let at = position; index % 2 && at < end;) {
      const x = Math.floor(at / height), top = at - x * height;
      const bottom = Math.min(height, top + end - at);
      const from = Math.ceil(top / step), to = Math.ceil(bottom / step);
      if (x % step === 0 && from < to) {
        while (column < x / step) first[++column] = ends.length;
        ends.push(from, to);
      }
      at += bottom - top;
    }
    position = end;
  });
  first.fill(ends.length, column + 1);
  return { ends, first };
}
