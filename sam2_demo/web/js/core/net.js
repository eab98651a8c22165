// Talking to the server. Addresses are relative to this file's own, which the page derives from
// its own location, so that a sub-path, a share link and a proxy all work.

import { VISITOR, visitorHeaders } from './visitor.js';

/** Where the server's routes are; this file is served below them, as web/VERSION/core/net.js. */
const ROOT = new URL('../../../', import.meta.url).href;
const UNREACHABLE = 'The server cannot be reached: check your connection, then try again.';

/** Returns the address of one of the server's routes. */
export function address(path) {
  return ROOT + path;
}

/** A refusal, mostly by the server; its message is one sentence for the user. */
export class Refused extends Error {
  constructor({ code, text }) {
    super(text);
    this.code = code;
  }
}

export async function fetchOrRefuse(path, options) {
  let response;
  try {
    response = await fetch(address(path), options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused({ code: 'UNREACHABLE', text: UNREACHABLE });
  }
  if (response.ok) return response;
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    /* a proxy's page, not ours */
  }
  throw new Refused(
    answer.error || {
      code: `HTTP_${response.status}`,
      text: `The server answered ${response.status}: try again.`,
    },
  );
}

async function posting(fields, signal) {
  const headers = { 'Content-Type': 'application/json', ...(await visitorHeaders()) };
  return { method: 'POST', headers, body: JSON.stringify(fields), signal };
}

export async function getJson(path) {
  return (await fetchOrRefuse(path, {})).json();
}

export async function postJson(path, fields) {
  return (await fetchOrRefuse(path, await posting(fields))).json();
}

/** Sends a picture; returns the answer. */
export async function postPicture(path, blob, signal) {
  const headers = { 'Content-Type': blob.type, ...VISITOR };
  return (await fetchOrRefuse(path, { method: 'POST', headers, body: blob, signal })).json();
}

/** Calls `onReport` for each line of a streamed answer; aborting the signal stops the work. */
export async function postStream(path, fields, onReport, signal) {
  const response = await fetchOrRefuse(path, await posting(fields, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Refused({ code: 'UNREACHABLE', text: UNREACHABLE });
    }
    const lines = (rest + (part.value || '')).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line) continue;
      const report = JSON.parse(line);
      if (report.error) throw new Refused(report.error);
      onReport(report);
    }
    if (part.done) return;
  }
}

/** Returns the name of the uploaded file. Unlike `fetch`, XHR reports upload progress. */
export function uploadFile(file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const refuse = (text) => reject(new Refused({ code: 'UPLOAD', text }));
    request.open('POST', address('uploads'));
    for (const [name, value] of Object.entries(VISITOR)) request.setRequestHeader(name, value);
    request.responseType = 'json';
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    request.onerror = () =>
      refuse('The upload was interrupted: check your connection, then try again.');
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'));
    request.onload = () => {
      const answer = request.response || {};
      if (answer.upload) resolve(answer.upload);
      else if (answer.error) reject(new Refused(answer.error));
      else refuse(`The server answered ${request.status} to the upload: try again.`);
    };
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

export function thumbnailAddress({ token }, frame) {
  return address(`videos/${encodeURIComponent(token)}/thumbnails/${frame}.jpg`);
}
