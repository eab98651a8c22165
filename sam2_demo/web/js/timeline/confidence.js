// How sure the model is, as one number.

/**
 * How sure the model is of an object on a frame, from 0 to 1: the chance that the object is there,
 * times the predicted IoU; where it says that the object is hidden, the chance of that.
 */
export function confidenceOf({ iou, score }) {
  const chance = 1 / (1 + Math.exp(-score));
  return score > 0 ? chance * Math.max(0, Math.min(1, iou)) : 1 - chance;
}
