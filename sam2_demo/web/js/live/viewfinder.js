// The camera's pictures: the newest one as a JPEG and for the canvas, all of one size.

import { cameraIds, openCamera } from '../core/camera.js';
import { Refused } from '../core/net.js';

const MAX_SIDE = 1280;
const JPEG_QUALITY = 0.92;

export class Viewfinder {
  /** `onPicture()` is called for each new picture, `onEnd(error)` when the camera goes away. */
  constructor(video, onPicture, onEnd) {
    this.video = video;
    this.onPicture = onPicture;
    this.onEnd = onEnd;
    this.stream = null;
    this.isReady = false; // whether there is a picture
    this.sheet = document.createElement('canvas');
  }

  /** Starts a camera; the first picture decides the size of all. */
  async start() {
    this.begun = null;
    await this.open(null);
    const { videoWidth, videoHeight } = this.video;
    const shrink = Math.min(1, MAX_SIDE / Math.max(videoWidth, videoHeight));
    this.sheet.width = Math.max(1, Math.round(videoWidth * shrink));
    this.sheet.height = Math.max(1, Math.round(videoHeight * shrink));
  }

  async open(device) {
    this.stop();
    const stream = (this.stream = await openCamera(device));
    const [track] = stream.getVideoTracks();
    track.onended = () => {
      if (stream !== this.stream) return;
      const text = 'The camera was disconnected, or is no longer allowed.';
      this.onEnd(new Refused({ code: 'CAMERA', text }));
    };
    this.video.srcObject = stream;
    await this.video.play();
    this.isReady = true;
    this.watch(stream);
  }

  /** Notes when each picture was taken, and passes on that it is there. */
  watch(stream) {
    const note = (now, { captureTime } = {}) => {
      if (stream !== this.stream) return;
      this.taken = captureTime || now;
      again();
      this.onPicture();
    };
    const again = () =>
      this.video.requestVideoFrameCallback
        ? this.video.requestVideoFrameCallback(note)
        : requestAnimationFrame(note);
    again();
  }

  /**
   * Returns the newest picture: {blob, picture, time}, the time in milliseconds after the first.
   * One of another shape, as when a phone was turned, is put in the middle.
   */
  async grab() {
    const { video, sheet } = this;
    const { width, height } = sheet;
    const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
    const across = video.videoWidth * scale;
    const down = video.videoHeight * scale;
    const pen = sheet.getContext('2d', { willReadFrequently: true });
    pen.fillRect(0, 0, width, height);
    pen.drawImage(video, (width - across) / 2, (height - down) / 2, across, down);
    const time = this.timeOf(this.taken || performance.now());
    const [picture, blob] = await Promise.all([
      createImageBitmap(sheet),
      new Promise((done) => {
        sheet.toBlob(done, 'image/jpeg', JPEG_QUALITY);
      }),
    ]);
    return { picture, blob, time };
  }

  /** Times rise, whatever the cameras say. */
  timeOf(taken) {
    if (this.begun === null) {
      this.begun = taken;
      this.last = 0;
    } else this.last = Math.max(this.last + 1, Math.round(taken - this.begun));
    return this.last;
  }

  async hasOther() {
    return (await cameraIds()).length > 1;
  }

  /** Goes to the next of several cameras. */
  async change() {
    const ids = await cameraIds();
    const { deviceId } = this.stream.getVideoTracks()[0].getSettings();
    await this.open(ids[(ids.indexOf(deviceId) + 1) % ids.length]);
  }

  stop() {
    const { stream } = this;
    this.stream = null;
    this.isReady = false;
    if (stream) for (const track of stream.getTracks()) track.stop();
    this.video.srcObject = null;
  }
}
