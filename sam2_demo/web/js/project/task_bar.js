// The bar above the annotator: which task, in which phase, how long, and how it ends.

import { makeButton } from '../core/elements.js';
import { formatTime } from '../core/format.js';
import { getJson, postJson } from '../core/net.js';

const RULES = {
  1: 'Every frame from scratch, by clicks, box, brush and eraser.',
  2: 'The first frame as a mask, propagated; a frame that is wrong is made again from scratch.',
  3: 'Clicks and masks on any frame, with memory.',
};
const RENEW_MS = 60000;
const AT_WORK_MS = 5 * 60000; // after so long without input, the lease is left to end

export class TaskBar {
  /** `done()` is called when the task is over. */
  constructor(app, skip, done) {
    this.app = app;
    this.done = done;
    this.task = null;
    const { find } = app;
    find('task-submit').onclick = () => this.attempt(() => this.submit());
    find('task-skip').onclick = () =>
      skip.ask(
        this.task,
        () => this.close(),
        (error) => app.status.fail(error),
      );
    setInterval(() => this.showTime(), 1000);
    setInterval(() => this.renew(), RENEW_MS);
  }

  async open(task) {
    const { app } = this;
    const video = await getJson(`videos/${task.session}`);
    this.task = task;
    app.find('desk').closest('.s2').dataset.phase = task.phase;
    app.find('task').hidden = false;
    app.find('task-name').textContent =
      `Task ${task.task_id}, phase ${task.phase}: ${task.phase_name}`;
    app.find('task-rule').textContent = RULES[task.phase];
    const marks = task.marks.map((frame) =>
      makeButton(
        's2-button s2-small',
        `Frame ${frame + 1}`,
        `Go to frame ${frame + 1}, which was marked as unsatisfactory`,
        () => app.seek(frame),
      ),
    );
    app.find('task-marks').replaceChildren(...marks);
    await app.open(video, task.hint);
    if (task.hint) app.seek(task.hint[0]);
    else if (task.marks.length) app.seek(task.marks[0]);
    this.showTime();
  }

  async attempt(act) {
    const { app } = this;
    app.status.clear();
    app.find('task-submit').disabled = true;
    try {
      await act();
    } catch (error) {
      app.status.fail(error);
    } finally {
      app.find('task-submit').disabled = false;
    }
  }

  /** Hands the masklet in; where frames have no mask, only once that is meant. */
  async submit() {
    const { video, masks } = this.app.project;
    const missing = video.frames - [...masks.values()].filter(({ size }) => size).length;
    if (missing === 0 || missing === video.frames) {
      await this.send();
      return;
    }
    this.app.status.propose(
      `${missing} of ${video.frames} frames have no mask: the object counts as hidden there.`,
      'Submit all the same',
      () => this.attempt(() => this.send()),
    );
  }

  async send() {
    const seconds = this.app.effort.activeMs / 1000;
    await postJson(`project/tasks/${this.task.task_id}/submit`, { active_s: seconds });
    await this.close();
    this.app.status.say('Submitted: somebody else verifies it.');
  }

  async close() {
    this.task = null;
    this.app.find('task').hidden = true;
    await this.done();
  }

  showTime() {
    if (!this.task) return;
    const { activeMs } = this.app.effort;
    this.app.find('task-time').textContent = `${formatTime(activeMs / 1000)} of work`;
  }

  renew() {
    if (!this.task || this.app.effort.idleMs > AT_WORK_MS) return;
    postJson(`project/tasks/${this.task.task_id}/renew`, {}).catch((error) =>
      this.app.status.fail(error),
    );
  }
}
