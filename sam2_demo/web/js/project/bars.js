// Which bars the statistics show: for each figure, those of the phases beside the paper's.

const PHASE_COLUMN = 0;
const WHOSE_COLUMN = 1;
const COUNTED = 'submissions'; // a count, which nothing is compared with

/**
 * Returns a plot for each column that has a figure: its title, and bars with label, value and
 * share of the longest bar. `rows` begin with the phase and whose figures they are.
 */
export function plotsOf(columns, rows) {
  return columns.flatMap((title, place) => {
    const given = rows.filter((row) => row[place + 2] !== null);
    if (title === COUNTED || !given.length) return [];
    const most = Math.max(...given.map((row) => row[place + 2]));
    const bars = given.map((row) => ({
      label: `Phase ${row[PHASE_COLUMN].split(':')[0]}`,
      whose: row[WHOSE_COLUMN],
      value: row[place + 2],
      share: most ? row[place + 2] / most : 0,
    }));
    return [{ title, bars }];
  });
}
