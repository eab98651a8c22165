// Which frames a propagation visits: pure functions of frame numbers.

/**
 * Returns where a run starts, its first and last frame, and what ends it in each direction.
 * `first` and `last` are the in and out points. A run ends at the `prompts`, and never
 * leaves the scene it starts in; `cuts` are the first frames of scenes. Both may be empty.
 */
export function planRun({ start, direction, first, last, prompts, cuts }) {
  const from = Math.max(first, Math.min(last, start));
  let forward = { frame: last, reason: 'end' };
  let backward = { frame: first, reason: 'end' };
  const prompt = Math.min(...prompts.filter((frame) => frame > from));
  const promptBefore = Math.max(...prompts.filter((frame) => frame < from));
  const cut = Math.min(...cuts.filter((frame) => frame > from));
  const cutBefore = Math.max(...cuts.filter((frame) => frame <= from));
  if (prompt < forward.frame) forward = { frame: prompt, reason: 'prompt', at: prompt };
  if (cut <= forward.frame) forward = { frame: cut - 1, reason: 'cut', at: cut };
  if (promptBefore > backward.frame) {
    backward = { frame: promptBefore, reason: 'prompt', at: promptBefore };
  }
  if (cutBefore > backward.frame) backward = { frame: cutBefore, reason: 'cut', at: cutBefore };
  return {
    start: from,
    first: direction === 'forward' ? from : backward.frame,
    last: direction === 'backward' ? from : forward.frame,
    ends: {
      forward: direction !== 'backward' && forward,
      backward: direction !== 'forward' && backward,
    },
  };
}

/** Returns why a run ended where it did; empty if it went all the way. */
export function endText({ ends }) {
  const reasons = [ends.backward, ends.forward].filter((end) => end && end.reason !== 'end');
  return reasons
    .map(({ at, reason }) =>
      reason === 'prompt'
        ? `up to the prompt on frame ${at + 1}`
        : `up to the scene cut at frame ${at + 1}`,
    )
    .join(' and ');
}

/** Returns how to continue beyond the scene cuts that ended a run. */
export function waysOn({ ends }) {
  const ways = [];
  if (ends.forward && ends.forward.reason === 'cut') {
    ways.push({ direction: 'forward', start: ends.forward.frame + 1 });
  }
  if (ends.backward && ends.backward.reason === 'cut') {
    ways.push({ direction: 'backward', start: ends.backward.frame - 1 });
  }
  return ways;
}
