// The view: from pixels of the video to pixels of the canvas and back, at any zoom.

import assert from 'node:assert/strict';
import test from 'node:test';

import { View } from '../../sam2_demo/web/js/canvas/view.js';

const VIDEO = { width: 1280, height: 720 };

function viewOn(width, height) {
  const view = new View();
  view.open(VIDEO);
  view.resize(width, height);
  return view;
}

function assertNear(found, expected) {
  for (const [name, value] of Object.entries(expected)) {
    assert.ok(Math.abs(found[name] - value) < 1e-6, `${name}: ${found[name]}, not ${value}`);
  }
}

test('the whole picture fills the canvas', () => {
  const view = viewOn(640, 360);
  assertNear(view.toCanvas(0, 0), { x: 0, y: 0 });
  assertNear(view.toCanvas(1280, 720), { x: 640, y: 360 });
});

test('to the canvas and back', () => {
  const view = viewOn(640, 360);
  view.zoomBy(3.7, 100, 300);
  view.pan(-40, 25);
  for (const [x, y] of [
    [0, 0],
    [13.5, 700],
    [1280, 1],
  ]) {
    const place = view.toCanvas(x, y);
    assertNear(view.toVideo(place.x, place.y), { x, y });
  }
});

test('what is under the pointer stays there', () => {
  const view = viewOn(640, 360);
  const before = view.toVideo(400, 200);
  assert.ok(view.zoomBy(4, 400, 200));
  assertNear(view.toVideo(400, 200), before);
});

test('the picture always covers the canvas, however it is zoomed and moved', () => {
  const view = viewOn(640, 360);
  for (const [factor, x, y] of [
    [5, 1e4, -1e4],
    [0.3, -1e4, 1e4],
    [0.01, 50, 50],
  ]) {
    view.zoomBy(factor);
    view.pan(x, y);
    const from = view.toCanvas(0, 0);
    const to = view.toCanvas(VIDEO.width, VIDEO.height);
    assert.ok(from.x <= 1e-9 && from.y <= 1e-9 && to.x >= 640 - 1e-9 && to.y >= 360 - 1e-9);
  }
  assert.equal(view.zoom, 1);
});

test('zoom ends where a pixel of the video is plain to see', () => {
  const view = viewOn(640, 360);
  view.zoomBy(1e9);
  assert.equal(view.scale, 32);
  assert.equal(view.zoomBy(2), false);
});

test('another size of the canvas keeps what is in its middle', () => {
  const view = viewOn(640, 360);
  view.zoomBy(4, 500, 100);
  const middle = view.toVideo(320, 180);
  view.resize(320, 180);
  assertNear(view.toVideo(160, 90), middle);
});
