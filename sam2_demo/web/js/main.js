// Where the page's own code begins.

import { App } from './shell/app.js';

/**
 * Starts the annotator in its element. `settings` is what the server decides: `colors`, each with
 * its name, `exports` and `effects`.
 */
export function start(element, settings) {
  return new App(element, settings);
}
