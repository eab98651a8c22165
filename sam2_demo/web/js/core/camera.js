// Asking for the camera, with a sentence for each reason why there is none.

import { Refused } from './net.js';

const FAULTS = {
  NotAllowedError: 'The browser blocked the camera: allow it in the address bar, then try again.',
  NotFoundError: 'No camera was found: connect one, then try again.',
  NotReadableError: 'Another program is using the camera: close it, then try again.',
};
const SIZE = { width: { ideal: 1280 }, height: { ideal: 720 } };

function refusal(text) {
  return new Refused({ code: 'CAMERA', text });
}

/**
 * Returns a stream of pictures from the camera with this `device` id, or from one that points away
 * from the person, as far as there is one.
 */
export async function openCamera(device = null) {
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
    throw refusal(
      'The browser gives a camera only to pages over HTTPS or on this computer (localhost): open ' +
        'the page at such an address, or choose a file.',
    );
  }
  const which = device ? { deviceId: { exact: device } } : { facingMode: { ideal: 'environment' } };
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...which } });
  } catch (error) {
    throw refusal(
      FAULTS[error.name] || 'The camera could not be started: try again, or choose a file.',
    );
  }
}

/** Returns the ids of all cameras; they are known once one was allowed. */
export async function cameraIds() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === 'videoinput').map(({ deviceId }) => deviceId);
}
