// A long video in parts: buttons to the part before and the one after.

import { stageText } from '../core/format.js';
import { postStream } from '../core/net.js';

export class LongVideo {
  constructor(app, find) {
    this.app = app;
    this.before = find('part-before');
    this.after = find('part-after');
    this.running = false;
    this.before.onclick = () => this.goTo(this.parts.before);
    this.after.onclick = () => this.goOn();
  }

  open({ token, parts }) {
    this.token = token;
    this.parts = parts;
    this.before.hidden = !parts.before;
    this.after.hidden = !parts.goes_on;
  }

  clear() {
    this.before.hidden = this.after.hidden = true;
  }

  get hasParts() {
    return Boolean(this.parts.before || this.parts.after);
  }

  goTo(token) {
    if (!this.running && !this.isBusy()) this.app.opening.resume(token);
  }

  /** Opens the next part, which objects and masks are handed on to. */
  async goOn() {
    const { status, opening } = this.app;
    if (this.running || this.isBusy()) return;
    this.running = true;
    let video = null;
    try {
      await postStream(`videos/${this.token}/next_part`, {}, (report) => {
        if (report.video) video = report.video;
        else status.say(stageText(report));
      });
      status.clear();
      if (video) await opening.show(video);
    } catch (error) {
      status.fail(error);
    } finally {
      this.running = false;
    }
  }

  isBusy() {
    const { tracking, status } = this.app;
    if (tracking.running) status.say('Propagation is running: stop it or wait for it to finish.');
    return tracking.running;
  }
}
