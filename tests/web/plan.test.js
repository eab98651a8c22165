// Which frames a propagation visits: between the points, up to prompts, not across scene cuts.

import assert from 'node:assert/strict';
import test from 'node:test';

import { endText, planRun, waysOn } from '../../sam2_demo/web/js/runs/plan.js';

const FORWARD = { start: 10, direction: 'forward', first: 0, last: 29, prompts: [], cuts: [] };
const BACKWARD = { ...FORWARD, direction: 'backward' };
const BOTH = { ...FORWARD, direction: 'both' };

/** Returns start, first and last frame, and what ends each way, backward first. */
function planned(fields) {
  const { start, first, last, ends } = planRun(fields);
  const reasons = [ends.backward, ends.forward].filter(Boolean).map(({ reason }) => reason);
  return [start, first, last, reasons];
}

const CASES = [
  ['forward to the end', FORWARD, [10, 10, 29, ['end']]],
  ['backward to the beginning', BACKWARD, [10, 0, 10, ['end']]],
  ['between the points', { ...BOTH, first: 5, last: 20 }, [10, 5, 20, ['end', 'end']]],
  ['from the in point where one is before it', { ...FORWARD, first: 15 }, [15, 15, 29, ['end']]],
  ['from the out point where one is behind it', { ...BACKWARD, last: 5 }, [5, 0, 5, ['end']]],
  [
    'up to the nearest prompts',
    { ...BOTH, prompts: [3, 7, 10, 12, 20] },
    [10, 7, 12, ['prompt', 'prompt']],
  ],
  ['within a scene', { ...BOTH, cuts: [4, 10, 16] }, [10, 10, 15, ['cut', 'cut']]],
  [
    'a cut before a prompt on the same frame',
    { ...FORWARD, cuts: [11], prompts: [11] },
    [10, 10, 10, ['cut']],
  ],
  [
    'points before cuts',
    { ...BOTH, cuts: [2, 25], first: 5, last: 20 },
    [10, 5, 20, ['end', 'end']],
  ],
];

for (const [name, fields, expected] of CASES) {
  test(`plan: ${name}`, () => assert.deepEqual(planned(fields), expected));
}

test('a plan always holds its start, and never leaves the points', () => {
  for (let start = 0; start < 12; start++) {
    for (const direction of ['forward', 'backward', 'both']) {
      for (const cuts of [[], [3], [3, 6, 7], [0, 11]]) {
        for (const prompts of [[], [2, 8]]) {
          const fields = { start, direction, first: 2, last: 9, prompts, cuts };
          const [from, first, last] = planned(fields);
          assert.ok(first >= 2 && first <= from && from <= last && last <= 9);
          const crossed = cuts.filter((cut) => first < cut && cut <= last);
          assert.deepEqual(crossed, [], `${JSON.stringify(fields)}: ${first} to ${last}`);
        }
      }
    }
  }
});

test('a run may go on behind the cuts that ended it', () => {
  const plan = planRun({ ...BOTH, cuts: [4, 16] });
  assert.deepEqual(waysOn(plan), [
    { direction: 'forward', start: 16 },
    { direction: 'backward', start: 3 },
  ]);
  assert.deepEqual(waysOn(planRun({ ...BOTH, prompts: [4, 16] })), []);
});

test('what ended a run is said by the number of the frame, which counts from 1', () => {
  assert.equal(endText(planRun(FORWARD)), '');
  const text = endText(planRun({ ...BOTH, prompts: [4], cuts: [16] }));
  assert.match(text, /prompt on frame 5 and .*scene cut at frame 17/);
});
