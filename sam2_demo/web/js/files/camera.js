// A clip from the camera, which is then opened like any other file.

import { openCamera } from '../core/camera.js';
import { showMeter } from '../core/elements.js';

const MAX_CLIP_S = 30;

export class Camera {
  /** `onClip(file)` receives what was recorded. */
  constructor(find, status, onClip) {
    this.find = find;
    this.status = status;
    this.onClip = onClip;
    this.dialog = find('camera-dialog');
    this.recorder = null;
    find('camera').onclick = () => this.open();
    find('camera-record').onclick = () => (this.recorder ? this.recorder.stop() : this.record());
    find('camera-cancel').onclick = () => this.dialog.close();
    this.dialog.onclose = () => this.close();
  }

  async open() {
    if (this.asking) return; // the browser is still asking for permission
    this.asking = true;
    try {
      this.stream = await openCamera();
    } catch (error) {
      this.status.fail(error);
      return;
    } finally {
      this.asking = false;
    }
    this.find('camera-video').srcObject = this.stream;
    this.showRecording(false);
    this.dialog.showModal();
  }

  record() {
    const parts = [];
    const recorder = (this.recorder = new MediaRecorder(this.stream));
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      if (recorder !== this.recorder) return; // the dialog was closed
      this.dialog.close();
      const type = recorder.mimeType.split(';')[0];
      const ending = type === 'video/mp4' ? 'mp4' : 'webm';
      this.onClip(new File(parts, `recording.${ending}`, { type }));
    };
    recorder.start();
    this.showRecording(true);
    const begun = performance.now();
    this.timer = setInterval(() => {
      const seconds = (performance.now() - begun) / 1000;
      showMeter(this.find('camera-meter'), seconds, MAX_CLIP_S);
      this.find('camera-text').textContent = `${seconds.toFixed(0)} of ${MAX_CLIP_S} s`;
      if (seconds >= MAX_CLIP_S) recorder.stop();
    }, 200);
  }

  showRecording(recording) {
    const button = this.find('camera-record');
    button.textContent = recording ? 'Stop and open' : 'Record';
    button.classList.toggle('s2-danger', recording);
    button.classList.toggle('s2-primary', !recording);
    this.find('camera-meter').hidden = !recording;
    this.find('camera-text').textContent = recording
      ? ''
      : `Up to ${MAX_CLIP_S} seconds, without sound.`;
  }

  close() {
    const { recorder } = this;
    this.recorder = null;
    clearInterval(this.timer);
    if (recorder && recorder.state !== 'inactive') recorder.stop();
    for (const track of this.stream.getTracks()) track.stop();
    this.find('camera-video').srcObject = null;
  }
}
