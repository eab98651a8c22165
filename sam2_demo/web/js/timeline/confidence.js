// How sure the model is, as one number.

/**
 * Returns how sure the model is of an object on a frame, 0 to 1: the probability that it is visible
 * times the predicted IoU; if the model says it is hidden, the probability of that.
 */
export function confidenceOf({ iou, score }) {
  const chance = 1 / (1 + Math.exp(-score));
  return score > 0 ? chance * Math.max(0, Math.min(1, iou)) : 1 - chance;
}
