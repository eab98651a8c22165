// Giving a task back, for a reason.

import { postJson } from '../core/net.js';

export class SkipDialog {
  constructor(find) {
    this.dialog = find('skip-dialog');
    this.reason = find('skip-reason');
    find('skip-cancel').onclick = () => this.dialog.close();
    find('skip-form').onsubmit = () => this.onReason(this.reason.value);
  }

  /** Asks for a reason, then gives the task back; `done` and `fail` are told. */
  ask(task, done, fail) {
    this.reason.value = '';
    this.onReason = (reason) =>
      postJson(`project/tasks/${task.task_id}/skip`, { reason }).then(done, fail);
    this.dialog.showModal();
  }
}
