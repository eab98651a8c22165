// The bars of a project's statistics.

import assert from 'node:assert/strict';
import test from 'node:test';

import { plotsOf } from '../../sam2_demo/web/js/project/bars.js';

const COLUMNS = ['submissions', 'seconds a frame', 'agreement (%)'];
const ROWS = [
  ['1: SAM per frame', 'here', 4, 30, null],
  ['1: SAM per frame', 'paper', null, 40, null],
  ['3: SAM 2', 'here', 0, null, null],
  ['3: SAM 2', 'paper', null, 10, null],
];

test('each figure that somebody has is a plot, its longest bar the greatest value', () => {
  const plots = plotsOf(COLUMNS, ROWS);
  assert.deepEqual(plots, [
    {
      title: 'seconds a frame',
      bars: [
        { label: 'Phase 1', whose: 'here', value: 30, share: 0.75 },
        { label: 'Phase 1', whose: 'paper', value: 40, share: 1 },
        { label: 'Phase 3', whose: 'paper', value: 10, share: 0.25 },
      ],
    },
  ]);
});

test('where all values are nought, there are no bars to compare', () => {
  const [{ bars }] = plotsOf(['clicks'], [['1: SAM per frame', 'here', 0]]);
  assert.equal(bars[0].share, 0);
});
