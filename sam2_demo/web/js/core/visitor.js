// Who the visitor is. A random name tells apart those who come through one proxy, so that each has
// a fair share of the server. On a ZeroGPU Space, the GPU's time is the visitor's, too: only the
// page of the hub around this one knows whose; Gradio's own script notes that it offers to tell.

const HUB = 'https://huggingface.co';
const QUESTION = 'zerogpu-headers';
const PATIENCE_MS = 2000;

/** The headers with the visitor's name. Without storage, each page counts as a visitor. */
export const VISITOR = { 'X-SAM2-Visitor': name() };

function name() {
  const fresh = [...globalThis.crypto.getRandomValues(new Uint8Array(12))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  try {
    const known = localStorage.getItem('sam2-visitor') || fresh;
    localStorage.setItem('sam2-visitor', known);
    return known;
  } catch {
    return fresh;
  }
}

/** Returns the headers of a request that computes: the name, and what the hub offers. */
export async function visitorHeaders() {
  return { ...VISITOR, ...(await hubHeaders()) };
}

function hubHeaders() {
  if (window.parent === window || !window.supports_zerogpu_headers) return Promise.resolve({});
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const answer = (headers) => {
      port1.close();
      resolve(headers || {});
    };
    port1.onmessage = ({ data }) => answer(data);
    setTimeout(answer, PATIENCE_MS);
    window.parent.postMessage(QUESTION, HUB, [port2]);
  });
}
