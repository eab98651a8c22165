// The handles of a box: its corners and the middles of its sides.

export const HANDLES = [
  [0, 0],
  [0.5, 0],
  [1, 0],
  [1, 0.5],
  [1, 1],
  [0.5, 1],
  [0, 1],
  [0, 0.5],
];

/** Returns where the handles of a box are, in pixels of the canvas. */
export function handlesOf([x0, y0, x1, y1], view) {
  return HANDLES.map(([x, y]) => view.toCanvas(x0 + x * (x1 - x0), y0 + y * (y1 - y0)));
}
