// What the browser remembers. In a private window it may not, and nothing depends on it.

/** Returns what this browser was told to remember, null where it was not or may not. */
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

/** Returns what is kept as long as this tab is open, a reload of the page included, else null. */
export function kept(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Returns a value that was kept as JSON, null where there is none. */
export function keptJson(key) {
  try {
    return JSON.parse(kept(key));
  } catch {
    return null;
  }
}

/** Keeps a text as long as this tab is open; null forgets it. */
export function keep(key, text) {
  try {
    if (text === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
  } catch {
    /* a private window, or no room left */
  }
}
