// The effort meter: time spent, compared with the three phases of the paper's data engine.

import { keep, kept } from '../core/storage.js';

const PAUSE_MS = 30000; // longer without input counts as a break
const EFFORT_KEY = 'sam2-effort-';
const STORE_MS = 1000;

// Source: arXiv 2408.00714, table 1.
const PHASES = [
  ['1: SAM per frame', '37.8', '100', '4.80'],
  ['2: SAM + SAM 2 Mask', '7.4', '23.25', '3.61'],
  ['3: SAM 2', '4.5', '19.04', '2.68'],
];

export class Effort {
  /** `openProject` returns the open project. */
  constructor(openProject, find) {
    this.openProject = openProject;
    this.find = find;
    this.token = null;
    this.activeMs = 0;
    for (const kind of ['pointerdown', 'pointermove', 'keydown', 'wheel']) {
      window.addEventListener(kind, () => this.note(), { capture: true, passive: true });
    }
    this.cells = makeEffortRow(find('effort-rows'), 'You', ['', '', '']);
    for (const [name, ...figures] of PHASES) makeEffortRow(find('effort-rows'), name, figures);
  }

  begin(token) {
    this.token = token;
    this.lastInput = null;
    this.stored = 0;
    this.activeMs = Number(kept(EFFORT_KEY + token)) || 0;
  }

  /** Sets the time spent on a video, as its session file has it. */
  set(token, activeMs) {
    if (token === this.token) this.activeMs = activeMs;
    keep(EFFORT_KEY + token, activeMs);
  }

  /** Milliseconds since the last input. */
  get idleMs() {
    return performance.now() - (this.lastInput || 0);
  }

  /** Adds the time since the last input, unless it was a break. */
  note() {
    const project = this.openProject();
    if (!project || project.video.token !== this.token) return;
    const now = performance.now();
    const gap = now - this.lastInput;
    if (this.lastInput !== null && gap <= PAUSE_MS) this.activeMs += gap;
    this.lastInput = now;
    if (now - this.stored < STORE_MS) return;
    this.stored = now;
    this.set(this.token, this.activeMs);
    this.render(project);
  }

  render(project) {
    if (project.video.token !== this.token) this.begin(project.video.token);
    const { perFrame, edited, clicks } = effortOf(project, this.activeMs);
    const figures = [
      perFrame.toFixed(1),
      (100 * edited).toFixed(2),
      clicks === null ? '–' : clicks.toFixed(2),
    ];
    this.cells.forEach((cell, place) => {
      cell.textContent = figures[place];
    });
    this.find('effort-now').textContent = `${perFrame.toFixed(1)} s/frame`;
  }
}

/**
 * Returns seconds per frame, the share of frames with a prompt, and clicks per clicked frame (null
 * without clicks). Clicks are counted per object and frame; a box is one click.
 */
function effortOf({ video, prompts }, activeMs) {
  const given = [...prompts.values()];
  const clicks = given.map(({ points, box }) => points.length + (box ? 1 : 0)).filter(Boolean);
  return {
    perFrame: activeMs / 1000 / video.frames,
    edited: new Set(given.map(({ frame }) => frame)).size / video.frames,
    clicks: clicks.length ? clicks.reduce((sum, count) => sum + count) / clicks.length : null,
  };
}

/** Returns the cells of a new row of numbers. */
function makeEffortRow(body, name, figures) {
  const row = body.insertRow();
  const head = document.createElement('th');
  head.scope = 'row';
  head.textContent = name;
  row.append(head);
  return figures.map((figure) => {
    const cell = row.insertCell();
    cell.textContent = figure;
    return cell;
  });
}
