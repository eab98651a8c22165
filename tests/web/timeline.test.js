// The timeline's numbers: how sure the model is, and where frames lie.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Axis, frameAtTime } from '../../sam2_demo/web/js/timeline/axis.js';
import { confidenceOf } from '../../sam2_demo/web/js/timeline/confidence.js';

const CONFIDENCES = [
  ['half sure that it is there', 0.8, 0.0001, 0.4],
  ['surely there', 0.8, 100, 0.8],
  ['no IoU is above one', 1.2, 100, 1],
  ['surely hidden', 0.8, -100, 1],
  ['half sure that it is hidden', 0.8, -0.0001, 0.5],
];

for (const [name, iou, score, expected] of CONFIDENCES) {
  test(`confidence: ${name}`, () => {
    assert.ok(Math.abs(confidenceOf({ iou, score }) - expected) < 1e-4);
  });
}

test('a frame is found at its own place, and none beyond the ends', () => {
  const axis = new Axis(800, 97);
  for (let frame = 0; frame < 97; frame++) {
    assert.equal(axis.frameAt(axis.middle(frame)), frame);
  }
  assert.equal(axis.frameAt(-50), 0);
  assert.equal(axis.frameAt(9000), 96);
});

test('the first frame at or after a time, where frames last unlike times', () => {
  const times = [0, 0.1, 0.5, 2];
  const found = [0, 0.05, 0.1, 0.3, 2].map((time) => frameAtTime(times, time));
  assert.deepEqual(found, [0, 1, 1, 2, 3]);
});
