// The entry point of the page's own code.

import { App } from './shell/app.js';

/**
 * Starts the annotator in its element. `settings` comes from the server: `colors` as [name, rgb],
 * `exports` and `effects`.
 */
export function start(element, settings) {
  return new App(element, settings);
}
