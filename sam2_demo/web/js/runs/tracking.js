// Propagation: its options, the masks as they arrive, speed and time left, and stopping it.

import { showMeter } from '../core/elements.js';
import { formatLeft, stageText } from '../core/format.js';
import { postJson, postStream } from '../core/net.js';
import { endText, planRun, waysOn } from './plan.js';

const DIRECTIONS = ['backward', 'both', 'forward'];

export class Tracking {
  /** `app` gives project, frame, timeline, editing, player, comparison, status, show and store. */
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.direction = 'forward';
    this.onlyActive = false;
    this.running = null;
    this.follow = true;
    for (const name of DIRECTIONS) {
      find(`direction-${name}`).onclick = () => this.choose({ direction: name });
    }
    find('objects-all').onclick = () => this.choose({ onlyActive: false });
    find('objects-active').onclick = () => this.choose({ onlyActive: true });
    find('to-prompt').onchange = find('to-cut').onchange = () => app.store.touch('run');
    find('propagate').onclick = () => this.start();
    find('stop').onclick = () => this.stop();
  }

  choose(options) {
    Object.assign(this, options);
    this.app.store.touch('run');
  }

  clear() {
    if (this.running) this.running.abort();
    this.find('progress').hidden = true;
    this.find('progress-text').textContent = '';
    this.find('go-on').hidden = true;
  }

  render() {
    const { find } = this;
    for (const name of DIRECTIONS) {
      find(`direction-${name}`).setAttribute('aria-checked', name === this.direction);
    }
    find('objects-all').setAttribute('aria-checked', !this.onlyActive);
    find('objects-active').setAttribute('aria-checked', this.onlyActive);
    const { cuts } = this.app.timeline.scenes;
    find('to-cut-text').textContent = `Stop at scene cuts${cuts.length ? ` (${cuts.length})` : ''}`;
    const plan = this.plan(this.direction, this.startOf(this.direction));
    const to = this.direction === 'backward' ? plan.first : plan.last;
    find('from').textContent = this.running
      ? ''
      : this.direction === 'both'
        ? `from frame ${plan.start + 1}: ${plan.first + 1}–${plan.last + 1}`
        : `from frame ${plan.start + 1} to ${to + 1}`;
    find('propagate').hidden = this.running !== null;
    find('stop').hidden = this.running === null;
  }

  startOf(direction) {
    const {
      project,
      frame,
      timeline: { range },
    } = this.app;
    const end = { forward: range.last, backward: range.first }[direction];
    return project.startFrame(direction, frame, end);
  }

  plan(direction, start) {
    const {
      project,
      timeline: { range, scenes },
    } = this.app;
    const prompts = [...project.prompts.values()].filter(
      ({ object }) => !this.onlyActive || object === project.active,
    );
    return planRun({
      start,
      direction,
      first: range.first,
      last: range.last,
      prompts: this.find('to-prompt').checked ? prompts.map(({ frame }) => frame) : [],
      cuts: this.find('to-cut').checked ? scenes.cuts : [],
    });
  }

  async start(direction = this.direction, from = null) {
    const { project, status } = this.app;
    if (this.running) return;
    if (project.video.subject === 'image') {
      status.say('This is a single image: there are no other frames to propagate to.');
      return;
    }
    if (!project.prompts.size) {
      status.say('Click an object first, or drag a box around it.');
      return;
    }
    const running = this.begin();
    const start = from === null ? this.startOf(direction) : from;
    project.beginRun();
    try {
      await this.run(direction, start, running.signal);
    } catch (error) {
      if (project === this.app.project) {
        this.find('progress').hidden = true;
        this.find('progress-text').textContent = '';
        status.fail(error);
      }
    } finally {
      if (this.running === running) this.running = null;
      if (project === this.app.project) {
        this.app.comparison.finish();
        this.app.review.refresh();
      }
      this.app.store.touch('run');
    }
  }

  /** Prepares a run; returns its AbortController. */
  begin() {
    const { player, status, actions, comparison, store } = this.app;
    player.stop();
    status.clear();
    actions.tellLocked();
    comparison.clear(); // the last comparison is settled
    this.running = new AbortController();
    this.follow = true;
    this.done = 0;
    this.find('go-on').hidden = true;
    this.say('Starting', 0, 0);
    store.touch('run');
    return this.running;
  }

  async run(direction, start, signal) {
    const { project, editing, timeline } = this.app;
    await editing.chain; // prompts in flight come first
    await timeline.scenes.ready;
    if (signal.aborted) return;
    this.planned = this.plan(direction, start);
    const fields = {
      frame: this.planned.start,
      first: this.planned.first,
      last: this.planned.last,
      direction,
      objects: this.onlyActive ? [project.active] : null,
      settle: this.find('settle').checked,
    };
    const path = `videos/${project.video.token}/propagate`;
    await postStream(path, fields, (report) => this.read(project, report), signal);
  }

  read(project, report) {
    if (project !== this.app.project) return;
    if (report.stage) {
      this.say(stageText(report), 0, 0);
    } else if (report.finished) {
      this.sayEnd(report);
    } else {
      this.app.comparison.note(report);
      project.read(report);
      this.done = report.done;
      this.total = report.total;
      const speed = report.done / Math.max(report.elapsed_s, 0.001);
      const left = formatLeft((report.total - report.done) / speed);
      this.say(
        `${report.done} / ${report.total} · ${speed.toFixed(1)} frames/s · ${left}`,
        report.done,
        report.total,
      );
      if (this.follow) this.app.show(report.frames[report.frames.length - 1][0]);
      else this.app.store.touch('run');
    }
  }

  sayEnd({ done, complete, settled }) {
    const frames = `${done} frame${done === 1 ? '' : 's'}`;
    if (!complete) {
      this.say(`Stopped after ${frames}; they are kept`, done, this.total);
      return;
    }
    const why = settled ? 'from there on the masks match the old ones' : endText(this.planned);
    this.say(`Done: ${frames}${why && `, ${why}`}`, 1, 1);
    if (!settled) this.offer(waysOn(this.planned));
  }

  /** Offers to continue beyond a scene cut, one direction after the other. */
  offer([way, ...others]) {
    const button = this.find('go-on');
    button.hidden = !way;
    if (!way) return;
    const text =
      way.direction === 'forward' ? 'Continue from frame' : 'Continue backward from frame';
    button.textContent = `${text} ${way.start + 1}`;
    button.onclick = async () => {
      await this.start(way.direction, way.start);
      if (others.length && button.hidden) this.offer(others);
    };
  }

  say(text, done, total) {
    showMeter(this.find('progress'), done, total);
    this.find('progress-text').textContent = text;
  }

  /** Stops between two frames; a run that has not started yet is simply aborted. */
  async stop() {
    const { project, status } = this.app;
    if (!this.running) return;
    if (!this.done) {
      this.running.abort();
      this.find('progress').hidden = true;
      this.find('progress-text').textContent = 'Stopped';
      return;
    }
    try {
      await postJson(`videos/${project.video.token}/stop`, {});
    } catch (error) {
      this.running.abort();
      status.fail(error);
    }
  }
}
