// A live camera: its pictures are shown with their masks as fast as the model answers.
// Once stopped, the clip is an open video like any other.

import { postJson, postPicture, postStream } from '../core/net.js';
import { NewestOnly } from './newest_only.js';
import { Viewfinder } from './viewfinder.js';

const RATE_FRAMES = 12;

/** Refusals of one picture, which the next one makes good. */
const DROPPED = ['FRAME_BUSY', 'TOO_FAST'];
const LOST = ['UNKNOWN_SESSION', 'SESSION_CLOSED'];

export class Live {
  /** `app` gives project, frame, cache, editing, stage, keyPointer, opening, status and store. */
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.pictures = null; // a NewestOnly while the camera runs
    this.project = null; // what is being recorded, until it was finished
    this.finder = new Viewfinder(
      find('live-video'),
      () => this.pictures && this.pictures.offer(true),
      (error) => this.end(error),
    );
    find('live').onclick = () => this.begin();
    find('live-stop').onclick = () => this.stop();
    find('live-change').onclick = () => this.change();
    window.addEventListener('online', () => this.isInterrupted && this.finish());
  }

  /** Whether a recording is on show that was not finished yet. */
  get isOn() {
    return this.project !== null;
  }

  get isInterrupted() {
    return this.isOn && this.pictures === null;
  }

  /** Returns whether the frame on show has to stay, because it is being worked on. */
  isHeld() {
    const { editing, stage, keyPointer } = this.app;
    return Boolean(
      editing.waiting || stage.pointer.gesture || stage.path || stage.drawn || keyPointer.work,
    );
  }

  begin() {
    const { app, finder } = this;
    return app.opening.alone(async (signal) => {
      try {
        app.opening.report({ stage: 'camera' });
        await finder.start();
        signal.throwIfAborted();
        const model = app.opening.chosenModel();
        await postStream('model', { model }, (report) => app.opening.report(report), signal);
        const { blob, picture } = await finder.grab();
        const query = new URLSearchParams({ model, name: nameOfNow() });
        const video = await postPicture(`camera?${query}`, blob, signal);
        app.opening.recent.note(video);
        await app.open(video);
        app.cache.put(0, picture);
        await this.run();
      } catch (error) {
        finder.stop();
        app.status.fail(error);
      }
    });
  }

  async run() {
    const { finder, find, app } = this;
    this.project = app.project;
    this.times = [performance.now()];
    this.pictures = new NewestOnly(
      () => this.send(),
      () => this.isHeld() || !finder.isReady,
    );
    find('live-change').hidden = !(await finder.hasOther());
    app.store.touch('live');
  }

  async send() {
    const { project } = this;
    const { blob, picture, time } = await this.finder.grab();
    try {
      const path = `videos/${project.video.token}/frames?time_ms=${time}`;
      const answer = await postPicture(path, blob);
      if (project === this.project) this.take(answer, picture, time / 1000);
      else picture.close();
    } catch (error) {
      picture.close();
      if (project === this.project && !DROPPED.includes(error.code)) this.end(error);
    }
  }

  /** Shows a frame that was answered, unless the one on show is being worked on. */
  take(answer, picture, time) {
    const { app, project } = this;
    project.grow(time);
    app.cache.put(answer.frame, picture);
    project.read(answer);
    this.times = [...this.times, performance.now()].slice(-RATE_FRAMES);
    if (!this.isHeld()) app.show(answer.frame);
    app.store.touch('live');
  }

  /** Changes to the next camera; the clip goes on. */
  async change() {
    try {
      await this.finder.change();
    } catch (error) {
      this.end(error);
    }
  }

  /** Ends because of an error; what was recorded is kept and opened. */
  end(error) {
    const { status } = this.app;
    if (!this.pictures) return;
    if (LOST.includes(error.code)) {
      this.forget();
      status.fail(error);
    } else this.stop(error);
  }

  async stop(error = null) {
    const { pictures, finder, app } = this;
    if (!pictures) return;
    this.pictures = null;
    finder.stop();
    app.store.touch('live');
    const answered = pictures.end();
    if (!error) await answered;
    await app.editing.chain;
    await this.finish(error);
  }

  /** Opens the clip like any other; `error` is why it ended. */
  async finish(error = null) {
    const { app, project } = this;
    if (!project) return;
    const { frame } = app;
    try {
      const video = await postJson(`videos/${project.video.token}/finish`, {});
      if (project !== this.project) return;
      this.forget();
      app.opening.recent.note(video);
      await app.open(video);
      app.seek(frame);
      if (!error) return;
      app.status.show(`${error.message} ${keptText(video.frame_times_s.length)}`, 'error');
    } catch (failure) {
      if (project !== this.project) return;
      app.status.offer(failure, 'Try again', () => this.finish(error));
      app.status.text.textContent += ` ${keptText(project.video.frames)}`;
    }
  }

  /** Ends when the page turns to something else; the clip can be opened again. */
  leave() {
    const { project, app } = this;
    if (!project) return;
    this.forget();
    app.opening.recent.note(project.video);
    postJson(`videos/${project.video.token}/finish`, {}).catch(() => {});
  }

  forget() {
    if (this.pictures) this.pictures.end();
    this.finder.stop();
    this.pictures = this.project = null;
    this.app.store.touch('live');
    this.render();
  }

  render() {
    const { find, times, project, isOn } = this;
    const root = find('work').closest('.s2');
    if (isOn) root.dataset.live = this.isInterrupted ? 'ended' : 'on';
    else delete root.dataset.live;
    find('model').disabled = isOn;
    find('live-stop').disabled = this.isInterrupted;
    if (!isOn) return;
    const { frames } = project.video;
    const seconds = (times[times.length - 1] - times[0]) / 1000;
    const rate = seconds > 0 ? ` · ${((times.length - 1) / seconds).toFixed(1)} per second` : '';
    find('live-text').textContent = `${frames} frame${frames === 1 ? '' : 's'}${rate}`;
  }
}

/** Says that nothing that was recorded is lost. */
function keptText(frames) {
  return frames === 1 ? 'The one frame so far is kept.' : `The ${frames} frames so far are kept.`;
}

/** Returns a name for a clip that begins now, fit for a file. */
function nameOfNow() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, '0');
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `Camera ${day} ${two(now.getHours())}-${two(now.getMinutes())}`;
}
