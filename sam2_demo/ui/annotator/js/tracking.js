// Propagation: the masks of frame after frame as they come, how fast, how long still, and stop.

const DIRECTIONS = ['backward', 'both', 'forward'];

class Tracking {
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.direction = 'forward';
    this.running = null;
    this.follow = true;
    for (const name of DIRECTIONS) {
      find(`direction-${name}`).onclick = () => {
        this.direction = name;
        app.render();
      };
    }
    find('propagate').onclick = () => this.start();
    find('stop').onclick = () => this.stop();
  }

  clear() {
    if (this.running) this.running.abort();
    this.find('progress').hidden = true;
    this.find('progress-text').textContent = '';
  }

  render() {
    const { project, frame } = this.app;
    for (const name of DIRECTIONS) {
      this.find(`direction-${name}`).setAttribute('aria-checked', name === this.direction);
    }
    this.find('from').textContent = this.running ? ''
      : `from frame ${project.startFrame(this.direction, frame) + 1}`;
    this.find('propagate').hidden = this.running !== null;
    this.find('stop').hidden = this.running === null;
  }

  async start() {
    const { project, frame, status, editing } = this.app;
    if (this.running) return;
    if (!project.prompts.size) {
      status.say('Point at an object first: click on it, or drag a box around it.');
      return;
    }
    this.app.player.stop();
    status.clear();
    const running = this.running = new AbortController();
    this.follow = true;
    this.done = 0;
    const start = project.startFrame(this.direction, frame);
    project.sinceRun.clear();
    this.say('Starting', 0, 0);
    this.app.render();
    try {
      await editing.chain; // prompts on their way come first
      await postStream(`videos/${project.video.token}/propagate`,
        { frame: start, direction: this.direction }, (report) => this.read(project, report),
        running.signal);
    } catch (error) {
      if (project === this.app.project) {
        this.find('progress').hidden = true;
        this.find('progress-text').textContent = '';
        status.fail(error);
      }
    } finally {
      if (this.running === running) this.running = null;
      this.app.render();
    }
  }

  read(project, report) {
    if (project !== this.app.project) return;
    if (report.stage) {
      this.say(stageText(report), 0, 0);
    } else if (report.finished) {
      const frames = `${report.done} frame${report.done === 1 ? '' : 's'}`;
      this.say(report.complete ? `Done: ${frames}` : `Stopped after ${frames}; they are kept`,
        report.complete ? 1 : report.done, report.complete ? 1 : this.total);
    } else {
      project.read(report);
      this.done = report.done;
      this.total = report.total;
      const speed = report.done / Math.max(report.elapsed_s, 0.001);
      const left = formatLeft((report.total - report.done) / speed);
      this.say(`${report.done} / ${report.total} · ${speed.toFixed(1)} frames/s · ${left}`,
        report.done, report.total);
      if (this.follow) this.app.show(report.frames[report.frames.length - 1][0]);
      else this.app.render();
    }
  }

  say(text, done, total) {
    showMeter(this.find('progress'), done, total);
    this.find('progress-text').textContent = text;
  }

  /** Stops between two frames; while it still waits for its turn, it just goes away. */
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
