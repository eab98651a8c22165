// Masks as COCO's compressed run lengths: column by column, starting with background.

/** Returns the run lengths of a compressed string, as COCO defines it: 5 bits a character. */
export function decodeCounts(text) {
  const runs = [];
  let at = 0;
  while (at < text.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more && at < text.length) {
      const bits = text.charCodeAt(at++) - 48;
      value |= (bits & 31) << shift;
      more = (bits & 32) !== 0;
      shift += 5;
      if (!more && bits & 16 && shift < 32) value |= -1 << shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** Returns how many pixels are set. */
export function areaOf(counts) {
  return decodeCounts(counts).reduce((sum, run, index) => sum + (index % 2 ? run : 0), 0);
}

/** Returns whether a pixel is set. */
export function isSetAt(counts, height, x, y) {
  const place = x * height + y;
  let end = 0;
  const run = decodeCounts(counts).findIndex((length) => place < (end += length));
  return run % 2 === 1;
}

/** Returns left, top, right and bottom of what is set, right and bottom excluded. */
export function boxOf(counts, height) {
  const box = [Infinity, Infinity, 0, 0];
  let position = 0;
  decodeCounts(counts).forEach((run, index) => {
    const end = position + run;
    if (index % 2 && run) {
      const [first, last] = [position, end - 1].map((at) => Math.floor(at / height));
      box[0] = Math.min(box[0], first);
      box[2] = Math.max(box[2], last + 1);
      box[1] = Math.min(box[1], first === last ? position - first * height : 0);
      box[3] = Math.max(box[3], first === last ? end - first * height : height);
    }
    position = end;
  });
  return box;
}

/**
 * Returns a mask's runs column by column: top and bottom of each in `ends`, those of a column from
 * `first[column]` on. Only every `step`-th column and row is kept, so that a huge video costs
 * no more than a large one.
 */
export function columnsOf(counts, height, step, columns) {
  const ends = [];
  const first = new Int32Array(columns + 1);
  let position = 0;
  let column = 0;
  decodeCounts(counts).forEach((run, index) => {
    const end = position + run;
    for (let at = position; index % 2 && at < end; ) {
      const x = Math.floor(at / height);
      const top = at - x * height;
      const bottom = Math.min(height, top + end - at);
      const from = Math.ceil(top / step);
      const to = Math.ceil(bottom / step);
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

/** Returns intersection over union of two masks of one size; 1 where both are empty. */
export function iouOf(one, other) {
  if (one === other) return 1;
  const runs = [decodeCounts(one), decodeCounts(other)];
  const at = [0, 0];
  const left = runs.map((all) => all[0]);
  let both = 0;
  let either = 0;
  while (at[0] < runs[0].length && at[1] < runs[1].length) {
    const step = Math.min(...left);
    const set = at.map((place) => place % 2);
    if (set[0] && set[1]) both += step;
    if (set[0] || set[1]) either += step;
    for (const side of [0, 1]) {
      left[side] -= step;
      while (left[side] === 0 && at[side] < runs[side].length) left[side] = runs[side][++at[side]];
    }
  }
  return either ? both / either : 1;
}

/** Returns run lengths as the compressed string that `decodeCounts` reads. */
export function encodeRuns(runs) {
  const characters = [];
  runs.forEach((run, index) => {
    let value = index > 2 ? run - runs[index - 2] : run;
    for (;;) {
      const bits = value & 31;
      value >>= 5;
      const more = bits & 16 ? value !== -1 : value !== 0;
      characters.push(bits + (more ? 32 : 0) + 48);
      if (!more) break;
    }
  });
  const parts = [];
  for (let at = 0; at < characters.length; at += 4096) {
    parts.push(String.fromCharCode(...characters.slice(at, at + 4096)));
  }
  return parts.join('');
}
