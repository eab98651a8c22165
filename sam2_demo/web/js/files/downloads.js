// Downloads in three groups; each file is made on request, then handed to the browser.

import { makeButton, showMeter } from '../core/elements.js';
import { formatBytes, stageText } from '../core/format.js';
import { address, postStream } from '../core/net.js';

const STEADY_RATES = [23.976, 24, 25, 29.97, 30, 50, 59.94, 60];

export class Downloads {
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.running = null;
    const { exports } = app.settings;
    this.groups = [...new Set(exports.map(([, group]) => group))];
    this.buttons = exports.map((row) => this.makeButton(...row));
    this.tabs = this.groups.map((group) => this.makeTab(group));
    find('export-tabs').append(...this.tabs);
    find('exports').append(...this.buttons);
    find('export-rate').append(
      new Option('Variable frame rate, as in the video', ''),
      ...STEADY_RATES.map((fps) => new Option(`${fps} frames per second`, fps)),
    );
    find('export-cancel').onclick = () => this.running && this.running.abort();
    this.open({ subject: 'video', steady: true });
  }

  makeTab(group) {
    const tab = makeButton('', group, `${group} to download`, () => this.choose(group));
    tab.setAttribute('role', 'radio');
    tab.dataset.tab = group;
    return tab;
  }

  makeButton(kind, group, label, note, subject) {
    const button = makeButton('s2-download', '', `Download: ${label}, ${note}`, () =>
      this.make(button),
    );
    const name = document.createElement('b');
    const what = document.createElement('span');
    name.textContent = label;
    what.textContent = note;
    button.append(name, what);
    Object.assign(button.dataset, { kind, group, subject });
    return button;
  }

  /** Shows the downloads for a video or an image; the rate is a choice where it is variable. */
  open({ subject, steady }) {
    this.steady = steady;
    this.find('export-rate').value = '';
    this.offered = this.buttons.filter((button) =>
      ['both', subject].includes(button.dataset.subject),
    );
    for (const tab of this.tabs) {
      tab.hidden = !this.offered.some((button) => button.dataset.group === tab.dataset.tab);
    }
    this.choose(this.offered[0].dataset.group);
  }

  choose(group) {
    this.find('export-rate').hidden = this.steady || group !== 'Video';
    for (const tab of this.tabs) tab.setAttribute('aria-checked', tab.dataset.tab === group);
    for (const button of this.buttons) {
      button.hidden = button.dataset.group !== group || !this.offered.includes(button);
    }
  }

  clear() {
    if (this.running) this.running.abort();
    this.find('download-text').textContent = '';
    this.listed = null;
  }

  /** Shows which frames are exported, and lists the objects if there are several. */
  render(project, range) {
    this.find('export-frames').textContent = range.isWhole()
      ? ''
      : `frames ${range.first + 1}–${range.last + 1}`;
    this.find('export-joined-label').hidden = !this.app.longVideo.hasParts;
    const names = project.objects.map((object) => [object.id, project.nameOf(object)]);
    const listed = JSON.stringify(names);
    if (listed === this.listed) return;
    this.listed = listed;
    const select = this.find('export-objects');
    const before = select.value;
    select.replaceChildren(
      new Option('All objects', ''),
      ...names.map(([id, name]) => new Option(`Only ${name}`, id)),
    );
    select.value = names.some(([id]) => String(id) === before) ? before : '';
    select.hidden = names.length < 2;
  }

  fields(kind) {
    const only = this.find('export-objects').value;
    const fields = { kind, effects: this.app.effects.choice };
    if (only) fields.objects = [Number(only)];
    const fps = this.find('export-rate').value;
    if (fps) fields.fps = Number(fps);
    const { range } = this.app.timeline;
    const joined = !this.find('export-joined-label').hidden && this.find('export-joined').checked;
    return { ...fields, joined, first: range.first, last: range.last };
  }

  async make(button) {
    const { project, status, tracking } = this.app;
    if (this.running) return;
    if (tracking.running) {
      status.say('Propagation is running: stop it or wait for it to finish, then download.');
      return;
    }
    const running = (this.running = new AbortController());
    status.clear();
    this.showMaking(button, true);
    this.say('Starting', 0, 0);
    const base = `videos/${project.video.token}/`;
    try {
      await postStream(
        `${base}export`,
        this.fields(button.dataset.kind),
        (report) => {
          if (report.download) this.offer(address(base + report.download), report.bytes);
          else if (report.stage === 'writing') {
            this.say(`Writing ${report.done} of ${report.total}`, report.done, report.total);
          } else this.say(stageText(report), 0, 0);
        },
        running.signal,
      );
    } catch (error) {
      this.find('download-text').textContent = error.name === 'AbortError' ? 'Cancelled' : '';
      status.fail(error);
    } finally {
      this.running = null;
      this.showMaking(button, false);
    }
  }

  showMaking(button, making) {
    button.classList.toggle('s2-making', making);
    for (const other of this.buttons) other.disabled = making;
    this.find('export-progress').hidden = !making;
  }

  say(text, done, total) {
    showMeter(this.find('export-meter'), done, total);
    this.find('download-text').textContent = text;
  }

  /** Starts the download, and shows a link in case the browser blocked it. */
  offer(href, bytes) {
    const link = document.createElement('a');
    link.href = href;
    link.download = '';
    link.textContent = `Save the file (${formatBytes(bytes)})`;
    this.find('download-text').replaceChildren('Ready. ', link);
    link.click();
  }
}
