// Keeps page and server in step: after a network outage, a restart of the server, or changes from
// another tab.

import { getJson } from '../core/net.js';

const LOOK_MS = 10 * 60 * 1000; // the server closes a video that is not asked for within an hour
const LEFT_ALONE_MS = 12 * 3600 * 1000; // after that, the page no longer keeps the video open

export class Connection {
  /** `app` gives project, frame, cache, editing, tracking, live, effort, status, open, seek. */
  constructor(app) {
    this.app = app;
    app.status.onLost = () => this.recover();
    window.addEventListener('online', () => this.catchUp());
    document.addEventListener('visibilitychange', () => document.hidden || this.look());
    setInterval(() => this.look(), LOOK_MS);
  }

  get isBusy() {
    const { editing, tracking, live } = this.app;
    return editing.waiting > 0 || tracking.running !== null || live.isOn;
  }

  /** Fetches what was missed while the network was down. */
  async catchUp() {
    const { project, cache, status } = this.app;
    if (!project || this.app.live.isOn) return;
    cache.loadNext();
    try {
      await this.app.readMasks(project);
      status.clear();
    } catch (error) {
      status.fail(error);
    }
  }

  /** Keeps the video open on the server, and shows what another tab changed. */
  async look() {
    const { project, effort } = this.app;
    if (!project || this.isBusy || effort.idleMs > LEFT_ALONE_MS) return;
    const known = JSON.stringify(project.confirmed);
    try {
      const video = await getJson(`videos/${project.video.token}`);
      if (project !== this.app.project || this.isBusy) return;
      const isOurs = known !== JSON.stringify(project.confirmed); // changed here meanwhile
      if (!isOurs && JSON.stringify(video.prompts) !== known) await this.show(video);
    } catch {
      /* the next action will report it */
    }
  }

  /** The server no longer knows the video: it may find it on disk. */
  async recover() {
    const { project, status } = this.app;
    if (!project || this.recovering) return;
    this.recovering = true;
    try {
      await this.show(await getJson(`videos/${project.video.token}`));
      status.say(
        'The server was restarted. Your work is here, except for your last action: repeat ' +
          'it. Where masks are missing, propagate again.',
      );
    } catch (error) {
      status.show(error.message, 'error');
    } finally {
      this.recovering = false;
    }
  }

  /** Shows the video in the server's state, on the same frame. */
  async show(video) {
    const { app } = this;
    const { frame, project } = app;
    if (project.video.token !== video.token) return;
    await app.open(video);
    app.seek(frame);
  }
}
