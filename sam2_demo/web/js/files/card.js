// The cards of the start page: samples and recent videos.

/** Returns a button with an image, a title and a line of small print. */
export function makeCard({ title, note, poster, onclick }) {
  const card = document.createElement('button');
  card.type = 'button';
  card.className = 's2-sample';
  if (poster) {
    const picture = document.createElement('img');
    picture.src = poster;
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
