// Steps that can be undone: what the server calls them, and what the page does.

const PROPAGATION = 'propagate';

export function isPropagation(step) {
  return step === PROPAGATION;
}

/** Returns what a step is called on the page: in the server's words, but where they are a name. */
export function stepText(step) {
  return isPropagation(step) ? 'propagation' : step;
}
