// The model in use: the list of models, and switching to another one.

import { stageText } from '../core/format.js';
import { postStream } from '../core/net.js';
import { PATH_CHOICE } from '../files/opening.js';

/** The server picks the model; which one is only known once it is loaded. */
const AUTO = 'auto';

/** Returns a name as it is shown: what follows an @ is the side of the images that it sees. */
function titleOf(name) {
  return name.replace(/@(\d+)$/, ', $1 px (faster)');
}

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

  /** Lists the models that the server offers. */
  offer({ models, default: chosen, paths_allowed: pathsAllowed }) {
    const select = this.find('model');
    select.replaceChildren(...models.map((name) => new Option(titleOf(name), name)));
    if (pathsAllowed) select.append(new Option('A file on the server …', PATH_CHOICE));
    select.value = chosen;
    this.name = chosen;
    this.nameAuto('best available');
    if (chosen === AUTO) this.askForAuto();
  }

  async askForAuto() {
    try {
      await postStream('model', { model: AUTO }, ({ model }) => this.nameAuto(model));
    } catch {
      /* opening a video will report what is wrong with the model */
    }
  }

  /** Shows which model the automatic choice stands for. */
  nameAuto(model) {
    const option = [...this.find('model').options].find(({ value }) => value === AUTO);
    if (option && model) option.textContent = `Automatic: ${model}`;
  }

  show(name, source) {
    const select = this.find('model');
    if (![...select.options].some((option) => option.value === name)) {
      select.append(new Option(titleOf(name), name));
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

  /** Has another model answer every prompt; if it cannot be loaded, the old one stays. */
  async change(name) {
    const { app } = this;
    const { project, status } = app;
    this.find('model').disabled = true;
    try {
      const path = project ? `videos/${project.video.token}/model` : 'model';
      await postStream(path, { model: name }, (report) => {
        if (report.stage) status.say(`${stageText(report)} …`);
        else if (project === app.project) this.read(report);
        if (name === AUTO) this.nameAuto(report.model);
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
