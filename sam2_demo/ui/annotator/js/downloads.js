// Downloads: each file is made when asked for, then handed to the browser.

class Downloads {
  constructor(app, root, text) {
    this.app = app;
    this.text = text;
    this.running = null;
    this.buttons = [...root.querySelectorAll('.s2-download')];
    for (const button of this.buttons) {
      button.onclick = () => this.make(button);
    }
  }

  clear() {
    if (this.running) this.running.abort();
    this.text.textContent = '';
  }

  async make(button) {
    const { project, status, tracking } = this.app;
    if (this.running) return;
    if (tracking.running) {
      status.say('Propagation is running: stop it or wait for its end, then download.');
      return;
    }
    const running = this.running = new AbortController();
    const bar = button.querySelector('i');
    status.clear();
    button.classList.add('s2-making');
    for (const other of this.buttons) other.disabled = true;
    const base = `videos/${project.video.token}/`;
    try {
      await postStream(`${base}export`, { kind: button.dataset.kind }, (report) => {
        if (report.download) {
          this.offer(ROOT + base + report.download, report.bytes);
        } else {
          const writing = report.stage === 'writing';
          this.text.textContent = !writing ? stageText(report)
            : `Writing frame ${report.done}${report.total ? ` of ${report.total}` : ''}`;
          bar.style.width = report.total ? `${100 * report.done / report.total}%` : '0';
        }
      }, running.signal);
    } catch (error) {
      this.text.textContent = '';
      status.fail(error);
    } finally {
      this.running = null;
      bar.style.width = '0';
      button.classList.remove('s2-making');
      for (const other of this.buttons) other.disabled = false;
    }
  }

  /** Starts the download, and leaves a link in case the browser did not let it. */
  offer(address, bytes) {
    const link = document.createElement('a');
    link.href = address;
    link.download = '';
    link.textContent = `Save the file (${formatBytes(bytes)})`;
    this.text.replaceChildren('Ready. ', link);
    link.click();
  }
}
