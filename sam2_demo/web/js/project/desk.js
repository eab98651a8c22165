// A project's desk: signing in, and choosing what to do next.

import { getJson, postJson } from '../core/net.js';
import { Figures } from './figures.js';
import { SkipDialog } from './skip.js';
import { TaskBar } from './task_bar.js';
import { Verification } from './verification.js';

const VIEWS = ['desk', 'verify', 'figures'];
const REFUSALS = {
  NO_SUCH_PERSON:
    'Your Hugging Face account is not among the people of this project: ask whoever runs it.',
  BEGIN_AGAIN: 'This sign-in began in another browser, or too long ago: begin again.',
  NO_PROVIDER: 'Hugging Face did not say who you are: try again.',
};
const KINDS = { annotate: 'Annotate', verify: 'Verify' };

export class Desk {
  constructor(app) {
    this.app = app;
    const { find } = app;
    const skip = new SkipDialog(find);
    const done = () => this.home();
    this.bar = new TaskBar(app, skip, done);
    this.verification = new Verification(app, skip, () => this.show('verify'), done);
    this.figures = new Figures(find, () => this.show('figures'), done);
    for (const kind of Object.keys(KINDS)) {
      find(`take-${kind}`).onclick = () => this.attempt(() => this.take(kind));
    }
    find('open-figures').onclick = () => this.attempt(() => this.figures.open());
    find('sign-out').onclick = () => this.attempt(() => this.signOut());
    find('sign-in').onsubmit = (event) => {
      event.preventDefault();
      this.attempt(() => this.signIn());
    };
  }

  /** Shows the desk, or the task that was being annotated when the page was closed. */
  async start() {
    this.app.model.offer(await getJson('about'));
    await this.home();
    this.showRefusal();
  }

  /** Says why somebody who comes back from Hugging Face is not signed in. */
  showRefusal() {
    const code = new URL(document.URL).searchParams.get('sign_in');
    if (Object.hasOwn(REFUSALS, code)) this.app.status.say(REFUSALS[code]);
  }

  async attempt(act) {
    this.app.status.clear();
    try {
      await act();
    } catch (error) {
      if (error.code === 'SIGN_IN') await this.home();
      else this.app.status.fail(error);
    }
  }

  /** Shows one of the project's views, or none beside an open video. */
  show(view) {
    for (const name of VIEWS) this.app.find(name).hidden = name !== view;
  }

  async home() {
    const { app } = this;
    if (app.project) app.leave();
    app.find('desk-home').hidden = true;
    this.show('desk');
    let home = null;
    try {
      home = await getJson('project');
    } catch (error) {
      if (error.code !== 'SIGN_IN') app.status.fail(error);
    }
    app.find('sign-in').hidden = home !== null;
    app.find('desk-home').hidden = home === null;
    if (home) this.fill(home);
    else await this.offerWaysIn();
  }

  /** Offers Hugging Face's sign-in where there is one. */
  async offerWaysIn() {
    const link = this.app.find('hugging-face');
    const { hugging_face: address } = await getJson('project/sign_in');
    link.hidden = !address;
    if (address) link.href = address;
  }

  fill({ name, for_one: isForOne, rights, waiting, held }) {
    const { find } = this.app;
    find('desk-name').textContent = isForOne ? 'Project' : name;
    find('sign-out').hidden = isForOne;
    find('desk-note').textContent = isForOne
      ? 'This project is for one person. Your own masklets wait until somebody else verifies ' +
        'them: the app’s option --users lets people sign in.'
      : 'Nobody verifies their own masklets.';
    for (const [kind, label] of Object.entries(KINDS)) {
      const button = find(`take-${kind}`);
      button.textContent = held[kind] ? `Go on: ${label.toLowerCase()}` : label;
      button.textContent += ` (${waiting[kind]})`;
      button.disabled = !rights.includes(kind) || waiting[kind] === 0;
    }
  }

  async signIn() {
    const { find } = this.app;
    const [name, password] = ['sign-in-name', 'sign-in-password'].map((id) => find(id).value);
    await postJson('project/sign_in', { name, password });
    find('sign-in-password').value = '';
    await this.home();
  }

  async signOut() {
    await postJson('project/sign_out', {});
    await this.home();
  }

  async take(kind) {
    const { task } = await postJson('project/take', { kind });
    if (!task) {
      this.app.status.say('There is nothing left for you here: look again later.');
      await this.home();
    } else if (kind === 'verify') await this.verification.open(task);
    else {
      await this.bar.open(task);
      this.show(null);
    }
  }
}
