// Session files: all work on a video in one file, to be opened again on the same video.

import { fetchOrRefuse, getJson, postJson, uploadFile } from '../core/net.js';

const SESSION_SUFFIX = '.sam2.json';

export class SessionFile {
  /** `app` gives project, status, editing, tracking, effort, seek and open. */
  constructor(app, find) {
    this.app = app;
    this.buttons = [find('session-save'), find('session-open'), find('masks-load')];
    find('session-save').onclick = () => this.alone(() => this.save());
    find('session-open').onclick = () => find('session-file').click();
    find('session-file').onchange = (event) => {
      const [file] = event.target.files;
      event.target.value = '';
      if (file) this.begin(file);
    };
    this.listenForDrops(find('work'));
  }

  listenForDrops(zone) {
    zone.addEventListener('dragover', (event) => event.preventDefault());
    zone.addEventListener('drop', (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (!file) return;
      if (isSessionName(file.name)) this.begin(file);
      else {
        this.app.status.propose(
          `Open ${file.name}? You can come back to this video from the start page.`,
          'Open',
          () => {
            this.app.leave();
            this.app.opening.openFiles([{ name: file.name, file }], false);
          },
        );
      }
    });
  }

  /** Runs one action at a time, after requests in flight. */
  async alone(act) {
    if (this.buttons[0].disabled) return;
    for (const button of this.buttons) button.disabled = true;
    try {
      await this.app.editing.chain;
      await act();
    } catch (error) {
      this.app.status.fail(error);
    } finally {
      for (const button of this.buttons) button.disabled = false;
    }
  }

  async save() {
    const { project, effort } = this.app;
    const seconds = (effort.activeMs / 1000).toFixed(1);
    const path = `videos/${project.video.token}/session?active_s=${seconds}`;
    const response = await fetchOrRefuse(path, {});
    const named = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition'));
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = named ? named[1] : `video${SESSION_SUFFIX}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  begin(file) {
    return this.alone(() => this.open(file));
  }

  /** The file's objects replace the current ones; a single undo restores them. */
  async open(file) {
    const { app } = this;
    const { project, frame, status } = app;
    if (app.tracking.running) {
      status.say(
        'Propagation is running: stop it or wait for it to finish, then open the session.',
      );
      return;
    }
    status.say(`Opening ${file.name} …`);
    const upload = await uploadFile(file, () => {}, new AbortController().signal);
    const { token } = project.video;
    const answer = await postJson(`videos/${token}/open_session`, { upload });
    app.effort.set(token, 1000 * answer.active_s);
    if (project !== app.project) return; // another video was opened meanwhile
    await app.open(await getJson(`videos/${token}`));
    app.seek(Math.min(Math.max(frame, answer.first), answer.last));
    this.tell(file.name, answer);
  }

  /** Says what was opened; a warning that it may not fit stays until dismissed. */
  tell(name, { made_by: model, same_model: sameModel, same_video: sameVideo, first, last }) {
    const {
      status,
      project,
      history,
      model: { name: here },
    } = this.app;
    const whose = sameModel
      ? `by ${model}, the model in use here`
      : `by ${model}; from here on ${here} answers`;
    const where =
      last - first + 1 < project.video.frames
        ? ` They cover frames ${first + 1} to ${last + 1}.`
        : '';
    const opened = `Opened ${name}. Its masks were made ${whose}.${where}`;
    if (sameVideo) status.say(`${opened} Undo restores what was here.`);
    else {
      status.show(
        `${opened} They were made on another file with the same number and size of frames: ` +
          'check that they fit.',
        'error',
      );
      status.showAction('Undo', () => history.go('undo'));
    }
  }
}

/** Returns whether a file is named like a session; browsers may have added a number. */
export function isSessionName(name) {
  return /\.sam2[^/]*\.json$/i.test(name);
}
