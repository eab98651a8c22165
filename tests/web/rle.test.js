// Run lengths: as COCO writes them, and what is computed from them without decoding to pixels.

import assert from 'node:assert/strict';
import test from 'node:test';

import {
  areaOf,
  boxOf,
  columnsOf,
  decodeCounts,
  encodeRuns,
  iouOf,
  isSetAt,
} from '../../sam2_demo/web/js/core/rle.js';

/** What pycocotools writes for masks of these heights: its string, its runs. */
const FROM_COCO = [
  { name: 'empty', height: 4, counts: '<', runs: [12] },
  { name: 'full', height: 4, counts: '0<', runs: [0, 12] },
  { name: 'a box', height: 5, counts: ';230004', runs: [11, 2, 3, 2, 3, 2, 7] },
  { name: 'from the first pixel on', height: 3, counts: '023O', runs: [0, 2, 3, 1] },
  {
    name: 'long runs',
    height: 400,
    counts: 'Um3Q<?0o`Y2PD]]mN',
    runs: [4005, 385, 15, 385, 75310, 1, 39899],
  },
];

/** Returns numbers from 0 to 1 that are the same each time. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function randomMask(random, height, width) {
  const share = random();
  return Array.from({ length: height * width }, () => (random() < share ? 1 : 0));
}

/** Returns the run lengths of pixels that come column by column. */
function countsOf(pixels) {
  const runs = [];
  let current = 0;
  let run = 0;
  for (const pixel of pixels) {
    if (pixel !== current) {
      runs.push(run);
      run = 0;
      current = pixel;
    }
    run++;
  }
  return encodeRuns([...runs, run]);
}

for (const { name, counts, runs } of FROM_COCO) {
  test(`reads and writes what COCO does: ${name}`, () => {
    assert.deepEqual(decodeCounts(counts), runs);
    assert.equal(encodeRuns(runs), counts);
  });
}

test('a mask of very many runs is written in full', () => {
  const runs = Array.from({ length: 50_000 }, (_, place) => 1 + (place % 7));
  assert.deepEqual(decodeCounts(encodeRuns(runs)), runs);
});

test('area, box and columns agree with the pixels', () => {
  const random = seeded(1);
  for (let round = 0; round < 200; round++) {
    const height = 1 + Math.floor(random() * 9);
    const width = 1 + Math.floor(random() * 9);
    const pixels = randomMask(random, height, width);
    const counts = countsOf(pixels);
    const at = (x, y) => pixels[x * height + y];
    const set = pixels.flatMap((pixel, place) =>
      pixel ? [[Math.floor(place / height), place % height]] : [],
    );
    assert.equal(areaOf(counts), set.length);
    if (set.length) {
      const xs = set.map(([x]) => x);
      const ys = set.map(([, y]) => y);
      const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1];
      assert.deepEqual(boxOf(counts, height), box);
    }
    const step = 1 + (round % 3);
    const columns = Math.ceil(width / step);
    const { ends, first } = columnsOf(counts, height, step, columns);
    for (let column = 0; column < columns; column++) {
      const found = new Array(Math.ceil(height / step)).fill(0);
      for (let place = first[column]; place < first[column + 1]; place += 2) {
        found.fill(1, ends[place], ends[place + 1]);
      }
      assert.deepEqual(
        found,
        found.map((_, row) => at(column * step, row * step)),
      );
    }
  }
});

test('IoU agrees with the pixels, and is 1 of two empty masks', () => {
  const random = seeded(2);
  assert.equal(iouOf('<', '<'), 1);
  assert.equal(iouOf(encodeRuns([12]), encodeRuns([5, 0, 7])), 1);
  for (let round = 0; round < 200; round++) {
    const height = 1 + Math.floor(random() * 9);
    const width = 1 + Math.floor(random() * 9);
    const [one, other] = [randomMask(random, height, width), randomMask(random, height, width)];
    const both = one.filter((pixel, place) => pixel && other[place]).length;
    const either = one.filter((pixel, place) => pixel || other[place]).length;
    assert.equal(iouOf(countsOf(one), countsOf(other)), either ? both / either : 1);
  }
});

test('a pixel is set where a run of the mask covers it', () => {
  const counts = encodeRuns([11, 2, 3, 2, 7]); // 5 rows: rows 1 and 2 of columns 2 and 3
  const set = [];
  for (let x = 0; x < 5; x++) {
    for (let y = 0; y < 5; y++) if (isSetAt(counts, 5, x, y)) set.push([x, y]);
  }
  assert.deepEqual(set, [
    [2, 1],
    [2, 2],
    [3, 1],
    [3, 2],
  ]);
  assert.equal(isSetAt(counts, 5, 5, 0), false); // beyond the frame
});
