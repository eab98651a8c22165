// Edges: the page makes of a mask what the server makes of it; tests/unit/core/test_edges.py holds
// the same examples.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { edgedMask, featheredPart } from '../../sam2_demo/web/js/core/edges.js';
import { areaOf } from '../../sam2_demo/web/js/core/rle.js';

const FILE = new URL('./edges.json', import.meta.url);
const { height, width, row: ROW, examples } = JSON.parse(readFileSync(FILE, 'utf8'));
const VIDEO = { height, width };

test('a shaped mask is the one that is exported', () => {
  for (const { mask, edge, shaped } of examples) {
    const found = edgedMask({ counts: mask, area: areaOf(mask) }, VIDEO, edge);
    assert.equal(found.counts, shaped, JSON.stringify(edge));
    assert.equal(found.area, areaOf(shaped));
  }
});

test('a feathered mask is as opaque as the one that is exported', () => {
  for (const { edge, shaped, matte } of examples) {
    if (!areaOf(shaped)) continue;
    const part = featheredPart(shaped, VIDEO, edge.feather_px);
    for (let x = 0; x < width; x++) {
      const inside = x >= part.x && x < part.x + part.width;
      const rows = ROW >= part.y && ROW < part.y + part.height;
      const at = (ROW - part.y) * part.width + x - part.x;
      const found = inside && rows ? part.matte[at] : 0;
      assert.ok(Math.abs(found - matte[x] / 1000) < 0.001, `${JSON.stringify(edge)} at ${x}`);
    }
  }
});

test('a plain edge leaves the mask alone', () => {
  const mask = { counts: examples[0].mask, area: 1 };
  const plain = { smooth_px: 0, grow_px: 0, feather_px: 0 };
  assert.equal(edgedMask(mask, VIDEO, plain), mask);
});
