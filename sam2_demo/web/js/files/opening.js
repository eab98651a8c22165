// Opening a file or a sample.

import { showMeter } from '../core/elements.js';
import { stageText } from '../core/format.js';
import { address, getJson, postJson, postStream, uploadFile } from '../core/net.js';
import { Camera } from './camera.js';
import { makeCard } from './card.js';
import {
  PICTURE_NAME,
  PictureSeries,
  filesDropped,
  filesOf,
  picturesAmong,
} from './picture_series.js';
import { GONE, Recent } from './recent.js';
import { isSessionName } from './session_file.js';
import { Trim } from './trim.js';

export const PATH_CHOICE = ' ';

/** What differs between opening a video and opening an image, which is a video of one frame. */
const SUBJECTS = {
  video: { title: 'Drop a video here', accept: 'video/*,image/*,.heic,.heif,.mkv,.ts,.zip,.json' },
  image: { title: 'Drop an image here', accept: 'image/*,.heic,.heif,.json' },
};

/** Errors after which the upload is kept, so that a part of it can be opened. */
const CHOOSE_ANOTHER_PART = ['TOO_MANY_FRAMES', 'START_BEYOND_END'];

export class Opening {
  /** `onOpen(video)` receives the open video, then `onSession(file)` a session file for it. */
  constructor(find, status, onOpen, onSession) {
    this.find = find;
    this.status = status;
    this.onOpen = onOpen;
    this.onSession = onSession;
    this.session = null; // a session file whose video is not open yet
    this.running = null;
    this.samples = [];
    this.recent = new Recent(find, (token) => this.resume(token));
    this.trim = new Trim(find);
    this.camera = new Camera(find, status, (file) => this.open({ name: file.name }, file));
    this.series = new PictureSeries(find, status, (fields, pack) => this.open(fields, pack));
    this.listenToTabs();
    for (const [button, input] of [
      ['choose', 'file'],
      ['choose-folder', 'folder'],
    ]) {
      find(button).onclick = () => find(input).click();
      find(input).onchange = () => {
        const files = filesOf(find(input).files);
        find(input).value = '';
        if (files.length) this.openFiles(files, input === 'folder');
      };
    }
    find('choose-folder').hidden = !('webkitdirectory' in find('folder'));
    find('opening-cancel').onclick = () => this.running && this.running.abort();
    this.listenForDrops(find('start'));
    find('drop').addEventListener('click', (event) => {
      if (event.target.closest('button, input')) return;
      status.say(
        `There is no ${this.subject} yet: choose a file, ` +
          'drop one here, or try a sample below.',
      );
    });
  }

  listenToTabs() {
    const subjects = Object.keys(SUBJECTS);
    for (const subject of subjects) {
      const tab = this.find(`tab-${subject}`);
      tab.onclick = () => this.choose(subject);
      tab.onkeydown = (event) => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
        event.preventDefault();
        const other = subjects.find((name) => name !== this.subject);
        this.choose(other);
        this.find(`tab-${other}`).focus();
      };
    }
    this.choose('video');
  }

  /** Switches between opening a video and opening an image. */
  choose(subject) {
    const { title, accept } = SUBJECTS[subject];
    this.subject = subject;
    for (const name of Object.keys(SUBJECTS)) {
      const tab = this.find(`tab-${name}`);
      tab.setAttribute('aria-selected', name === subject);
      tab.tabIndex = name === subject ? 0 : -1;
    }
    this.find('panel').setAttribute('aria-labelledby', `s2-tab-${subject}`);
    this.find('drop-title').textContent = this.session
      ? `Now drop the video of ${this.session.name} here`
      : title;
    this.find('file').accept = accept;
    this.find('start').closest('.s2').dataset.subject = subject;
    this.showSamples();
    this.recent.render();
  }

  showSamples() {
    const cards = this.samples.map((sample) => this.sampleCard(sample));
    this.find('sample-grid').replaceChildren(...cards);
    this.find('samples').hidden = cards.length === 0;
  }

  listenForDrops(zone) {
    const light = (event, on) => {
      event.preventDefault();
      zone.classList.toggle('s2-over', on);
    };
    zone.addEventListener('dragover', (event) => light(event, true));
    zone.addEventListener('dragleave', (event) => light(event, false));
    zone.addEventListener('drop', async (event) => {
      light(event, false);
      if (!event.dataTransfer.files.length) return;
      try {
        const files = await filesDropped(event.dataTransfer);
        this.openFiles(files, files.length !== 1);
      } catch {
        this.status.show('The folder could not be read: choose it with the button.', 'error');
      }
    });
  }

  /** Shows the server's samples; `onModels` receives what it offers. */
  async start(onModels) {
    const about = await getJson('about');
    onModels(about);
    this.find('accepted').textContent = about.accepted;
    if (about.notice) this.status.say(about.notice);
    this.samples = about.samples;
    this.showSamples();
    if (this.recent.current) await this.resume(this.recent.current);
  }

  sampleCard({ name, title, credit, poster, hint }) {
    const still = this.subject === 'image';
    const card = makeCard({
      title,
      note: credit,
      poster: poster && address(`samples/${encodeURIComponent(name)}/poster.jpg`),
      onclick: () =>
        this.open({ sample: name, still }, null, still && hint && hint[0] ? null : hint),
    });
    card.dataset.sample = name;
    return card;
  }

  /** Returns to a video that was open in this tab, if it still is. */
  async resume(token) {
    if (this.running) return;
    try {
      const path = `videos/${encodeURIComponent(token)}`;
      let video = await getJson(path);
      if (video.live) video = await postJson(`${path}/finish`, {}); // its camera is gone
      await this.show(video);
    } catch (error) {
      if (GONE.includes(error.code)) this.recent.forget(token); // otherwise it may come back
      this.status.fail(error);
    }
  }

  async show(video) {
    this.recent.note(video);
    await this.onOpen(video);
  }

  chosenModel() {
    const name = this.find('model').value;
    return name === PATH_CHOICE ? this.find('model-path').value.trim() : name;
  }

  /**
   * Opens one file, or several images as a video; other files in a folder are ignored. A session
   * file waits for its video, which may come with it.
   */
  openFiles(given, isFolder) {
    if (this.running) return;
    const files = given.filter(({ name }) => !isSessionName(name));
    const session = given.find(({ name }) => isSessionName(name));
    if (session) {
      this.session = session.file;
      this.choose(this.subject);
      if (!files.length) return;
    }
    const pictures = picturesAmong(files);
    if (files.length === 1 && (session || !isFolder)) this.openFile(files[0].file);
    else if (pictures.length === 1) this.openFile(pictures[0].file);
    else if (pictures.length) {
      const [folder, ...rest] = pictures[0].name.split('/');
      this.series.ask(pictures, rest.length ? folder : `${folder} and ${pictures.length - 1} more`);
    } else if (isFolder) {
      this.status.show(
        'There is no image among these files: choose PNG, JPEG, WebP, BMP or TIFF ' +
          'files, or one video.',
        'error',
      );
    } else this.status.show('Open one video at a time. Several images open as one video.', 'error');
  }

  openFile(file) {
    const fields = { name: file.name.slice(0, 200) };
    const isClip = !PICTURE_NAME.test(file.name) && this.subject === 'video';
    if (this.find('trim-first').checked && isClip) this.openPart(fields, file);
    else this.open(fields, file);
  }

  /** Asks which part of a file to open, then opens it; the file may be uploaded already. */
  openPart(fields, file) {
    this.status.clear();
    this.trim.ask(file, (part) => this.open({ ...fields, ...part }, file));
  }

  /** Runs `act(signal)` unless something is being opened, with its progress on show. */
  async alone(act) {
    if (this.running) return;
    this.running = new AbortController();
    this.status.clear();
    this.report({});
    this.find('opening').hidden = false;
    this.find('start').classList.add('s2-occupied');
    try {
      await act(this.running.signal);
    } finally {
      this.running = null;
      this.find('opening').hidden = true;
      this.find('start').classList.remove('s2-occupied');
    }
  }

  /**
   * Opens a file, a sample, or what `source` packs when called with progress and signal.
   * `hint` is a good place for the first click.
   */
  open(fields, source, hint) {
    return this.alone((signal) => this.read(fields, source, hint, signal));
  }

  async read(fields, source, hint, signal) {
    let file = source;
    try {
      if (typeof source === 'function') {
        file = await source(
          (done, total) => this.report({ stage: 'packing', done, total }),
          signal,
        );
      }
      if (file && !fields.upload) {
        fields.upload = await uploadFile(
          file,
          (done, total) => this.report({ stage: 'uploading', done, total }),
          signal,
        );
      }
      let video = null;
      this.report({ stage: 'reading', done: 0, total: 0 });
      await postStream(
        'open',
        { ...fields, model: this.chosenModel() },
        (report) => {
          if (report.video) video = report.video;
          else this.report(report);
        },
        signal,
      );
      if (video) {
        this.recent.note(video);
        await this.onOpen(video, hint);
        this.openSession();
      }
    } catch (error) {
      if (!CHOOSE_ANOTHER_PART.includes(error.code)) this.status.fail(error);
      else this.status.offer(error, 'Open a part', () => this.openPart(fields, file));
    }
  }

  openSession() {
    const { session } = this;
    this.session = null;
    this.choose(this.subject);
    if (session) this.onSession(session);
  }

  report(report) {
    this.find('opening-text').textContent = stageText(report);
    showMeter(this.find('opening-meter'), report.done || 0, report.total || 0);
  }
}
