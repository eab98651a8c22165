// Files of masks that were made elsewhere: they take the place of the objects that are there.

import { getJson, postJson, uploadFile } from '../core/net.js';

export class MaskFile {
  /** `app` gives project, status, tracking, sessionFile, seek and open. */
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.file = null;
    find('masks-load').onclick = () => find('masks-file').click();
    find('masks-file').onchange = (event) => {
      const [file] = event.target.files;
      event.target.value = '';
      if (file) this.ask(file);
    };
    find('masks-cancel').onclick = () => find('masks-dialog').close();
    find('masks-form').onsubmit = (event) => {
      event.preventDefault();
      find('masks-dialog').close();
      const promptedEvery = Number(find('masks-prompted').value);
      app.sessionFile.alone(() => this.load(this.file, promptedEvery));
    };
  }

  /** Asks which frames count as prompted. */
  ask(file) {
    const { tracking, status } = this.app;
    if (tracking.running) {
      status.say('Propagation is running: stop it or wait for it to finish, then load masks.');
      return;
    }
    this.file = file;
    this.find('masks-text').textContent =
      `The masks of ${file.name} replace the objects that are here now. Undo restores those.`;
    this.find('masks-dialog').showModal();
  }

  async load(file, promptedEvery) {
    const { app } = this;
    const { project, status } = app;
    status.say(`Loading ${file.name} …`);
    const upload = await uploadFile(file, () => {}, new AbortController().signal);
    const { token } = project.video;
    const fields = { upload, prompted_every: promptedEvery };
    const loaded = await postJson(`videos/${token}/load_masks`, fields);
    if (project !== app.project) return; // another video was opened meanwhile
    await app.open(await getJson(`videos/${token}`));
    app.seek(loaded.first);
    status.say(loadedText(file.name, loaded));
  }
}

/** Says what was loaded, and what was left out. */
export function loadedText(name, { objects, boxes, elsewhere }) {
  const leftOut = [];
  if (boxes) leftOut.push(`${counted(boxes, 'box', 'boxes')} without a mask`);
  if (elsewhere) leftOut.push(`${counted(elsewhere, 'mask')} on frames that are not open`);
  const rest = leftOut.length ? ` Left out: ${leftOut.join(', ')}.` : '';
  return `Loaded ${counted(objects, 'object')} from ${name}.${rest} Undo restores what was here.`;
}

function counted(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}
