// Prompts as values: what is given on one object and frame.

export function isEmptyPrompt({ points, box, mask }) {
  return !points.length && !box && !mask;
}

/** A candidate belongs to the first click alone: it goes where that goes. */
export function candidateOf({ points, box, mask, candidate }, before) {
  const isFirst =
    !box && !mask && points.length > 0 && String(points[0]) === String(before.points[0]);
  return isFirst ? candidate : null;
}

export function samePoints(one, other) {
  return JSON.stringify(one.points) === JSON.stringify(other.points);
}
