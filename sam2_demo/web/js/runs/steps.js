// Undoable steps: the server's names for them, and the page's.

const PROPAGATION = 'propagate';

export function isPropagation(step) {
  return step === PROPAGATION;
}

/** Returns the page's words for a step. */
export function stepText(step) {
  return isPropagation(step) ? 'propagation' : step;
}
