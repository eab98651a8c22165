// A click on its way to the model and back: each change of a prompt shows at once, is sent in
// order, and is reverted if the server refuses it.

import { postJson } from '../core/net.js';
import { candidateOf, isEmptyPrompt } from '../core/prompts.js';

const MAX_COUNTS = 1000 * 1024; // the server's limit on a request, less some room

export class Editing {
  /** `app` gives project, status, frame and actions. */
  constructor(app) {
    this.app = app;
    this.chain = Promise.resolve();
    this.waiting = 0;
  }

  /** Sends requests one at a time; `settle(isRefused)` is called with the outcome. */
  send(path, makeFields, settle = () => {}) {
    const { project } = this.app;
    this.waiting++;
    this.app.showBusy();
    this.chain = this.chain.then(async () => {
      try {
        const answer = await postJson(`videos/${project.video.token}/${path}`, makeFields());
        settle(false);
        project.read(answer, this.waiting > 1);
        return answer;
      } catch (error) {
        settle(true);
        if (project === this.app.project) {
          if (this.waiting === 1) project.restorePrompts();
          this.app.status.fail(error);
        }
        return null;
      } finally {
        this.waiting--;
        this.app.showBusy();
      }
    });
    return this.chain;
  }

  async click(place, positive) {
    const { project, frame, candidates } = this.app;
    const prompt = project.prompt(project.active, frame);
    const points = [...prompt.points, [place.x, place.y, positive ? 1 : 0]];
    if (await this.change({ ...prompt, points })) candidates.offer(prompt.object, frame);
  }

  deletePoint(prompt, index) {
    return this.change({ ...prompt, points: prompt.points.filter((point, at) => at !== index) });
  }

  /** Sets the box; null deletes it. */
  box(prompt, box) {
    return this.change({ ...prompt, box });
  }

  deleteBox() {
    const { project, frame } = this.app;
    return this.box(project.prompt(project.active, frame), null);
  }

  chooseCandidate(object, frame, { number, counts }) {
    const { project } = this.app;
    return this.change({ ...project.prompt(object, frame), candidate: number }, counts);
  }

  /** A drawn mask replaces all other prompts on the frame and is taken as it is. */
  drawMask(counts, object = this.app.project.active, frame = this.app.frame) {
    const points = [];
    return this.change({ object, frame, points, box: null, mask: true, candidate: null }, counts);
  }

  /** Sends a prompt; `counts` is the mask that it will be answered with, if that is known. */
  async change(prompt, counts = null) {
    if (!this.app.actions.admits(prompt.object)) return null;
    const { project, status } = this.app;
    const { object, frame } = prompt;
    const before = project.prompt(object, frame);
    const given = { ...prompt, candidate: candidateOf(prompt, before) };
    const isDrawn = counts !== null && prompt.mask;
    if (isDrawn && counts.length > MAX_COUNTS) {
      status.say('This mask has too many small parts to be sent: use a simpler one.');
      return null;
    }
    status.clear();
    status.endHint();
    project.setPrompt(given);
    const settle = counts === null ? () => {} : project.showDrawn(object, frame, counts);
    const path = isEmptyPrompt(given) ? 'clear_prompt' : 'prompt';
    return this.send(
      path,
      () => ({ ...given, mask: isDrawn ? counts : given.mask || null }),
      settle,
    );
  }

  clearFrame() {
    const { project, frame } = this.app;
    const prompt = project.prompt(project.active, frame);
    if (isEmptyPrompt(prompt)) {
      this.app.status.say('This object has no prompts on this frame.');
      return null;
    }
    return this.change({ ...prompt, points: [], box: null, mask: false });
  }
}
