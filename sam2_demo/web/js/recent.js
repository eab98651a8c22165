// The videos that were open in this tab: nothing is lost by opening another one.

const TOKEN_KEY = 'sam2-video';
const RECENT_KEY = 'sam2-recent';
const MAX_RECENT = 4;

/** Refusals that say that a video which was open is open no more. */
const GONE = ['SESSION_CLOSED', 'UNKNOWN_SESSION'];

class Recent {
  /** `onChoose(token)` opens a video again. */
  constructor(find, onChoose) {
    this.section = find('recent');
    this.list = find('recent-list');
    this.onChoose = onChoose;
    try {
      this.videos = JSON.parse(sessionStorage.getItem(RECENT_KEY)) || [];
    } catch (error) { this.videos = []; /* private window */ }
  }

  /** The video to go on with after a reload of the page, null where there is none. */
  get current() {
    try { return sessionStorage.getItem(TOKEN_KEY); } catch (error) { return null; }
  }

  /** Puts a video that is open now before the others. */
  note({ token, name, frame_times_s: times }) {
    const others = this.videos.filter((video) => video.token !== token);
    this.videos = [{ token, name, frames: times.length }, ...others].slice(0, MAX_RECENT);
    this.store(token);
  }

  forget(token) {
    this.videos = this.videos.filter((video) => video.token !== token);
    this.store(null);
  }

  store(token) {
    try {
      sessionStorage.setItem(RECENT_KEY, JSON.stringify(this.videos));
      if (token) sessionStorage.setItem(TOKEN_KEY, token);
      else sessionStorage.removeItem(TOKEN_KEY);
    } catch (error) { /* private window */ }
    this.render();
  }

  render() {
    this.section.hidden = this.videos.length === 0;
    this.list.replaceChildren(...this.videos.map(({ token, name, frames }) => makeCard({
      title: name,
      note: frames === 1 ? 'a picture' : `${frames} frames`,
      poster: `videos/${encodeURIComponent(token)}/thumbnails/0.jpg`,
      onclick: () => this.onChoose(token),
    })));
  }
}

/** Returns a button with a picture, a title and a line of small print. */
function makeCard({ title, note, poster, onclick }) {
  const card = document.createElement('button');
  card.type = 'button';
  card.className = 's2-sample';
  if (poster) {
    const picture = document.createElement('img');
    picture.src = ROOT + poster;
    picture.alt = '';
    picture.loading = 'lazy';
    picture.onerror = () => picture.remove();
    card.append(picture);
  }
  const label = document.createElement('b');
  label.textContent = title;
  const small = document.createElement('small');
  small.textContent = note;
  small.title = note;
  card.append(label, small);
  card.onclick = onclick;
  return card;
}
