// The open video's objects, prompts and masks: what answers change, and what the panels are told.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Project } from '../../sam2_demo/web/js/core/project.js';

const EDGE = { smooth_px: 0, grow_px: 0, feather_px: 0 };
const ROW = (id) => [id, '', null, true, false, EDGE];
const CLICK = { points: [[5, 5, 1]], box: null, mask: false, candidate: null };
const BOX = 'h0'; // any run lengths

function opened(fields = {}) {
  const topics = new Set();
  const video = {
    token: 't',
    frame_times_s: [0, 1, 2, 3, 4, 5],
    objects: [],
    prompts: [],
    undo: null,
    redo: null,
    ...fields,
  };
  const project = new Project(video, (topic) => topics.add(topic));
  topics.clear();
  const told = () => {
    const all = [...topics].sort();
    topics.clear();
    return all;
  };
  return { project, told };
}

test('a new video has one object, and an image is a video of one frame', () => {
  const { project } = opened();
  assert.deepEqual(
    project.objects.map(({ id, isDraft }) => [id, isDraft]),
    [[1, true]],
  );
  assert.equal(project.video.subject, 'video');
  assert.equal(opened({ frame_times_s: [0] }).project.video.subject, 'image');
});

test('every change is told by its topic', () => {
  const { project, told } = opened({ objects: [ROW(1), ROW(2)] });
  const changes = [
    [() => project.newObject(), ['objects']],
    [() => project.choose(2), ['objects']],
    [() => project.choose(2), []],
    [() => project.choose(99), []],
    [() => project.change(2, { visible: false }), ['objects']],
    [() => project.dropObject(3), ['objects']],
    [() => project.setPrompt({ object: 2, frame: 1, ...CLICK }), ['prompts']],
    [() => project.beginRun(), ['prompts']],
    [() => project.showDrawn(2, 1, BOX), ['masks']],
    [() => project.read({ sequence: 1, frames: [] }), ['masks']],
    [() => project.read({ sequence: 2, prompts: [] }), ['prompts']],
    [() => project.read({ sequence: 3, objects: [ROW(1)] }), ['objects']],
    [() => project.read({ sequence: 4, undo: 'click', redo: null }), ['steps']],
  ];
  for (const [act, topics] of changes) {
    act();
    assert.deepEqual(told(), topics, String(act));
  }
});

test('an answer that is late changes nothing that a newer one has said', () => {
  const { project } = opened({ objects: [ROW(1)] });
  project.read({ sequence: 5, frames: [[2, [[1, BOX, 0.9, 3]]]], undo: 'click', redo: null });
  project.read({ sequence: 4, frames: [[2, []]], undo: 'rename', redo: null });
  assert.equal(project.masksOn(2).get(1).iou, 0.9);
  assert.equal(project.steps.undo, 'click');
});

test('prompts on their way stay while older answers come', () => {
  const { project } = opened({ objects: [ROW(1)] });
  project.setPrompt({ object: 1, frame: 0, ...CLICK });
  project.read({ sequence: 1, prompts: [] }, true);
  assert.equal(project.promptsOn(0).length, 1);
  project.restorePrompts();
  assert.equal(project.promptsOn(0).length, 0);
});

test('a refused drawing gives the mask back that was there', () => {
  const { project } = opened({ objects: [ROW(1)] });
  project.read({ sequence: 1, frames: [[0, [[1, BOX, 0.5, 3]]]] });
  const settle = project.showDrawn(1, 0, '<');
  assert.equal(project.masksOn(0).get(1).counts, '<');
  settle(true);
  assert.equal(project.masksOn(0).get(1).iou, 0.5);
});

test('an object that the server does not know stays only where it is new', () => {
  const { project } = opened({ objects: [ROW(1)] });
  project.newObject();
  project.read({ sequence: 1, objects: [ROW(1), ROW(4)] });
  assert.deepEqual(
    project.objects.map(({ id }) => id),
    [1, 2, 4],
  );
  project.choose(1);
  project.read({ sequence: 2, objects: [ROW(4)] });
  assert.deepEqual(
    project.objects.map(({ id }) => id),
    [2, 4],
  );
  assert.ok(project.find(project.active));
});

test('propagation begins at new prompts, else on the frame on show', () => {
  const { project } = opened({ objects: [ROW(1)] });
  project.setPrompt({ object: 1, frame: 4, ...CLICK });
  project.setPrompt({ object: 1, frame: 2, ...CLICK });
  assert.equal(project.startFrame('forward', 3, 5), 2);
  assert.equal(project.startFrame('backward', 3, 0), 4);
  project.beginRun();
  assert.equal(project.startFrame('forward', 3, 5), 3);
  assert.equal(project.startFrame('forward', 5, 5), 2); // at the end there is nothing left to do
});

test('hidden objects show neither mask nor prompt, and what is higher comes first', () => {
  const { project } = opened({
    objects: [ROW(2), ROW(1), [3, '', null, false, false, EDGE]],
    prompts: [3, 1].map((object) => [object, 0, [[1, 1, 1]], null, false, null]),
  });
  project.read({ sequence: 1, frames: [[0, [1, 2, 3].map((id) => [id, BOX, 0.9, 3])]] });
  assert.deepEqual([...project.shown(project.masksOn(0)).keys()], [2, 1]);
  assert.deepEqual(
    project.shownPromptsOn(0).map(({ object }) => object),
    [1],
  );
});
