// Has the model look at the frame on show, and then at those around it, while nothing else
// happens: a click on an encoded frame is answered at once, and previews need one.

import { postJson } from '../core/net.js';

const REST_MS = 300; // on a frame, before it is encoded
const PAUSE_MS = 1200; // before each of its neighbours, as a click meanwhile has to wait
const AROUND = [1, -1, 2, -2];

/** Returns whether a frame is encoded now; it is not where something else is computed. */
async function askServer(token, frame) {
  return (await postJson(`videos/${token}/encode`, { frame })).encoded;
}

export class EncodingAhead {
  /** `encoded(frame)` is called after a frame was encoded; `ask(token, frame)` has it encoded. */
  constructor(app, encoded, ask = askServer) {
    this.app = app;
    this.encoded = encoded;
    this.ask = ask;
    app.store.subscribe(['project', 'frame', 'playing', 'run', 'prompts', 'live'], () =>
      this.begin(),
    );
  }

  /** Begins with the frame on show; whatever happens on the page makes it begin anew. */
  begin() {
    const { app } = this;
    this.waiting = [0, ...AROUND].map((step) => app.frame + step);
    this.rest(REST_MS);
  }

  rest(time) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.next(), time);
  }

  get isIdle() {
    const { project, player, tracking, editing, live } = this.app;
    return project && !player.playing && !tracking.running && !editing.waiting && !live.isOn;
  }

  async next() {
    if (!this.isIdle) return;
    const { waiting } = this;
    const { video } = this.app.project;
    const frame = waiting.find((each) => each >= 0 && each < video.frames);
    if (frame === undefined) return;
    waiting.splice(0, waiting.indexOf(frame) + 1);
    let encoded = false;
    try {
      encoded = await this.ask(video.token, frame);
    } catch {
      return; // not worth an error message: the next click reports it
    }
    if (waiting !== this.waiting || !encoded) return;
    this.encoded(frame);
    this.rest(PAUSE_MS);
  }
}
