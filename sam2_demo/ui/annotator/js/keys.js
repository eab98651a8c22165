// The keyboard.

const NO_VIDEO = 'Open a video first: choose a file, drop one here, or try a sample.';

function listenToKeys(app) {
  const commands = {
    ' ': () => app.togglePlay(),
    ArrowLeft: (event) => app.step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => app.step(event.shiftKey ? 10 : 1),
    Home: () => app.seek(0),
    End: () => app.seek(app.project.video.frames - 1),
    z: () => app.editing.undo(),
    x: () => app.toggleSign(),
    t: () => app.toggleSign(),
    n: () => app.newObject(),
    p: () => app.tracking.start(),
    m: () => app.toggleMasks(),
    Escape: () => app.tracking.stop(),
  };

  document.addEventListener('keydown', (event) => {
    if (!app.element.isConnected || app.isTyping(event.target) || app.helpIsOpen()) return;
    if (event.key === '?') {
      app.openHelp();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const control = event.ctrlKey || event.metaKey;
    if (event.altKey || (control && key !== 'z')) return;
    const onControl = event.target.closest && event.target.closest('button, select, a, summary');
    if (key === ' ' && onControl) return; // it presses that button
    const command = /^[1-9]$/.test(key) ? () => app.chooseByPlace(Number(key) - 1) : commands[key];
    if (!command) return;
    if (!app.project) {
      if (key !== 'Escape') app.status.say(NO_VIDEO);
      return;
    }
    event.preventDefault();
    command(event);
  });
}
