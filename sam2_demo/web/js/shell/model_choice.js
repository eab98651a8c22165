// Which model answers: the list of models, and what happens when another one is chosen.

import { stageText } from '../core/format.js';
import { postStream } from '../core/net.js';
import { PATH_CHOICE } from '../files/opening.js';

export class ModelChoice {
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.name = '';
    this.source = '';
    find('model').onchange = () => this.choose();
    find('model-path').onkeydown = (event) => {
      if (event.key === 'Enter') this.change(event.target.value.trim());
    };
  }

  show(name, source) {
    const select = this.find('model');
    if (![...select.options].some((option) => option.value === name)) {
      select.append(new Option(name, name));
    }
    select.value = name;
    this.find('model-path').hidden = true;
    this.name = name;
    this.source = source;
    this.find('answers').textContent = `Masks by ${name} (${source})`;
  }

  choose() {
    const name = this.find('model').value;
    this.find('model-path').hidden = name !== PATH_CHOICE;
    this.find('model').blur(); // keys belong to the video again
    if (name === PATH_CHOICE) this.find('model-path').focus();
    else this.change(name);
  }

  /** Another model answers every prompt again; if it cannot be had, the old one stays. */
  async change(name) {
    const { app } = this;
    const { project, status } = app;
    this.find('model').disabled = true;
    try {
      const path = project ? `videos/${project.video.token}/model` : 'model';
      await postStream(path, { model: name }, (report) => {
        if (report.stage) status.say(`${stageText(report)} …`);
        else if (project === app.project) this.read(report);
      });
    } catch (error) {
      this.show(this.name, this.source);
      status.fail(error);
    } finally {
      this.find('model').disabled = false;
    }
  }

  read(report) {
    const { project, status } = this.app;
    this.show(report.model, report.source);
    if (project) {
      project.read(report);
      project.promptsAreNew();
    }
    status.say(
      project && project.prompts.size
        ? `${report.model} has answered your prompts; propagate to track the objects with it.`
        : `Now using ${report.model} (${report.source}).`,
    );
  }
}
