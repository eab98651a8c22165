// The statistics of a project, beside the paper's.

import { address, getJson } from '../core/net.js';
import { plotsOf } from './bars.js';

export class Figures {
  /** `show()` shows this view; `back()` leaves it. */
  constructor(find, show, back) {
    Object.assign(this, { find, show });
    find('figures-back').onclick = () => back();
    find('figures-csv').href = address('project/statistics.csv');
  }

  async open() {
    const { columns, rows } = await getJson('project/statistics');
    this.find('figures-plots').replaceChildren(...plotsOf(columns, rows).map(makePlot));
    this.fillTable(['phase', 'figures', ...columns], rows);
    this.show();
  }

  fillTable(heads, rows) {
    const table = this.find('figures-table');
    table.replaceChildren();
    fillRow(table.createTHead().insertRow(), heads, 'th');
    const body = table.createTBody();
    for (const row of rows) {
      fillRow(
        body.insertRow(),
        row.map((value) => (value === null ? '–' : value)),
        'td',
      );
    }
  }
}

function fillRow(row, values, tag) {
  for (const value of values) row.append(makeElement(tag, value));
}

function makePlot({ title, bars }) {
  const plot = document.createElement('div');
  plot.className = 's2-plot';
  plot.append(makeElement('h3', title), ...bars.map(makeBar));
  return plot;
}

function makeBar({ label, whose, value, share }) {
  const row = document.createElement('div');
  row.className = 's2-plot-row';
  row.dataset.whose = whose;
  const bar = document.createElement('i');
  bar.style.width = `${(100 * share).toFixed(1)}%`;
  const name = whose === 'paper' ? `${label}, paper` : label;
  row.append(makeElement('span', name), bar, makeElement('output', value));
  return row;
}

function makeElement(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
