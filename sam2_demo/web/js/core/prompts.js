// Prompts as values: the points, box or mask given for one object on one frame.

export function isEmptyPrompt({ points, box, mask }) {
  return !points.length && !box && !mask;
}

/** Returns the prompt's candidate, which only holds as long as the first click stays. */
export function candidateOf({ points, box, mask, candidate }, before) {
  const isFirst =
    !box && !mask && points.length > 0 && String(points[0]) === String(before.points[0]);
  return isFirst ? candidate : null;
}

export function samePoints(one, other) {
  return JSON.stringify(one.points) === JSON.stringify(other.points);
}
