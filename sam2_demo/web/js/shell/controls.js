// Buttons that do not belong to a panel.

export function listenToControls(app) {
  const { find } = app;
  const onClick = (id, act) => {
    find(id).onclick = act;
  };
  onClick('previous', () => app.step(-1));
  onClick('next', () => app.step(1));
  onClick('play', () => app.togglePlay());
  onClick('clear-frame', () => app.editing.clearFrame());
  onClick('set-in', () => app.setEdge('first'));
  onClick('set-out', () => app.setEdge('last'));
  onClick('box-delete', () => app.editing.deleteBox());
  onClick('candidates-close', () => app.candidates.hide());
  onClick('show-masks', () => app.toggleMasks());
  onClick('sign-plus', () => app.setSign(true));
  onClick('sign-minus', () => app.setSign(false));
  onClick('add-object', () => app.newObject());
  onClick('start-over', () => app.actions.startOver());
  onClick('help', () => app.openHelp());
  onClick('reopen', () => app.leave());
  onClick('help-dialog', (event) => {
    if (event.target === find('help-dialog')) find('help-dialog').close();
  });
  app.element.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button && event.detail > 0) button.blur(); // else space would press it again
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
    app.store.touch('look'),
  );
}
