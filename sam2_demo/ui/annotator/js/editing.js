// Prompts: each change shows at once, goes to the server in order, and is taken back if refused.

class Editing {
  /** `app` gives project, status, frame and render. */
  constructor(app) {
    this.app = app;
    this.chain = Promise.resolve();
    this.waiting = 0;
  }

  /** Sends one request after the other. */
  send(path, makeFields) {
    const { project } = this.app;
    this.waiting++;
    this.app.showBusy();
    this.chain = this.chain.then(async () => {
      try {
        const answer = await postJson(`videos/${project.video.token}/${path}`, makeFields());
        project.read(answer, this.waiting > 1);
        return answer;
      } catch (error) {
        if (project === this.app.project) {
          if (this.waiting === 1) project.restorePrompts();
          this.app.status.fail(error);
        }
        return null;
      } finally {
        this.waiting--;
        this.app.showBusy();
        this.app.render();
      }
    });
    return this.chain;
  }

  click(place, positive) {
    const { project, frame } = this.app;
    const prompt = project.prompt(project.active, frame);
    const point = [place.x, place.y, positive ? 1 : 0];
    this.change({ ...prompt, points: [...prompt.points, point] });
  }

  box(from, to) {
    const { project, frame } = this.app;
    const box = [Math.min(from.x, to.x), Math.min(from.y, to.y),
      Math.max(from.x, to.x), Math.max(from.y, to.y)];
    this.change({ ...project.prompt(project.active, frame), box });
  }

  change(prompt) {
    this.app.status.clear();
    this.app.status.endHint();
    this.app.project.setPrompt(prompt);
    this.app.render();
    return this.send('prompt', () => prompt);
  }

  clearFrame() {
    const { project, frame } = this.app;
    const { object, points, box } = project.prompt(project.active, frame);
    if (!points.length && !box) {
      this.app.status.say('This object has no clicks on this frame.');
      return null;
    }
    return this.send('clear_prompt', () => ({ object, frame }));
  }

  async undo() {
    const answer = await this.send('undo', () => ({}));
    if (!answer) return;
    if (!answer.moment) this.app.status.say('There is nothing to undo.');
    else this.app.status.clear();
  }

  clearObject(object) {
    return this.send('clear_object', () => ({ object }));
  }

  async removeObject(object) {
    const { project } = this.app;
    const known = project.isKnown(object);
    if (known && !(await this.send('remove_object', () => ({ object })))) return;
    project.dropObject(object);
    this.app.render();
  }

  rename(object, name) {
    return this.send('settings', () => ({ object, name }));
  }
}
