// Times, sizes and progress as text.

export function formatTime(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

export function formatLeft(seconds) {
  if (seconds < 1) return 'less than a second left';
  if (seconds < 90) return `${Math.round(seconds)} s left`;
  return `${Math.round(seconds / 60)} min left`;
}

export function formatBytes(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** Returns a progress report as text. */
export function stageText({ stage, done, total, before }) {
  if (stage === 'packing') return `Packing image ${done} of ${total}`;
  if (stage === 'uploading') return `Uploading: ${formatBytes(done)} of ${formatBytes(total)}`;
  if (stage === 'waiting') {
    return `Waiting for ${before} ${before === 1 ? 'other' : 'others'} to finish`;
  }
  if (stage === 'reading' && !done) return 'Opening the video';
  if (stage === 'reading') {
    return total ? `Reading frame ${done} of ${total}` : `Reading frame ${done}`;
  }
  if (stage === 'camera') return 'Starting the camera: allow it if the browser asks';
  if (stage === 'replaying') return 'The new model is answering your prompts';
  if (stage === 'model') {
    if (total > 1) return `Fetching the model: ${formatBytes(done)} of ${formatBytes(total)}`;
    return 'Loading the model';
  }
  return 'Working';
}
