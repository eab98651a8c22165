// What the browser remembers. It may refuse to, in a private window, so nothing depends on it.

/** Returns what this browser remembers under a key; null if there is nothing. */
export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    /* a private window */
  }
}

/** Returns what this tab has kept under a key, across reloads; null if there is nothing. */
export function kept(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Returns the value this tab has kept as JSON; null if there is none. */
export function keptJson(key) {
  try {
    return JSON.parse(kept(key));
  } catch {
    return null;
  }
}

/** Keeps a text for as long as this tab is open; null removes it. */
export function keep(key, text) {
  try {
    if (text === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
  } catch {
    /* a private window, or no room left */
  }
}
