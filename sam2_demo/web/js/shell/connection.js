// Page and server stay together: over a network that was gone, a server that was started anew, and
// another tab that works on the same video.

import { getJson } from '../core/net.js';

const LOOK_MS = 10 * 60 * 1000; // a video that nobody asks for within an hour is closed
const LEFT_ALONE_MS = 12 * 3600 * 1000; // nobody looks after a page for longer

export class Connection {
  /** `app` gives project, frame, cache, editing, tracking, effort, status, readMasks, open, seek. */
  constructor(app) {
    this.app = app;
    app.status.onLost = () => this.recover();
    window.addEventListener('online', () => this.catchUp());
    document.addEventListener('visibilitychange', () => document.hidden || this.look());
    setInterval(() => this.look(), LOOK_MS);
  }

  get isBusy() {
    const { editing, tracking } = this.app;
    return editing.waiting > 0 || tracking.running !== null;
  }

  /** The network is back: what was answered meanwhile is fetched. */
  async catchUp() {
    const { project, cache, status } = this.app;
    if (!project) return;
    cache.loadNext();
    try {
      await this.app.readMasks(project);
      status.clear();
    } catch (error) {
      status.fail(error);
    }
  }

  /** Tells the server that the video is in use, and takes in what another tab made of it. */
  async look() {
    const { project, effort } = this.app;
    if (!project || this.isBusy || effort.idleMs > LEFT_ALONE_MS) return;
    const known = JSON.stringify(project.confirmed);
    try {
      const video = await getJson(`videos/${project.video.token}`);
      if (project !== this.app.project || this.isBusy) return;
      const isOurs = known !== JSON.stringify(project.confirmed); // changed on this page meanwhile
      if (!isOurs && JSON.stringify(video.prompts) !== known) await this.show(video);
    } catch {
      /* the next thing that a person does tells */
    }
  }

  /** The server does not know the video any more: it may find it on its disk. */
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

  /** Puts the video on show as the server has it, on the same frame. */
  async show(video) {
    const { app } = this;
    const { frame, project } = app;
    if (project.video.token !== video.token) return;
    await app.open(video);
    app.seek(frame);
  }
}
