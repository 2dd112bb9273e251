// Of a long list only so many rows are drawn: those around the reader.
import { useState } from "../html.js";

const MOST = 200;
const STEP = 60;

/** The rows to draw, and the ways to move on: `up` and `down` say whether there was anything. `first`: a row to begin with. */
export function useWindow(rows, first) {
  const [last, setLast] = useState(() => around(rows, first)); // the key of the last row that is drawn; null: the newest
  const known = last === null ? -1 : rows.findIndex((each) => each.key === last);
  const end = known < 0 ? rows.length : known + 1;
  const start = Math.max(0, end - MOST);

  const moveTo = (next) => setLast(next >= rows.length ? null : rows[next - 1].key);
  return {
    rows: rows.slice(start, end),
    isCut: end < rows.length,
    up() {
      if (start > 0) moveTo(Math.max(MOST, end - STEP));
      return start > 0;
    },
    down: () => moveTo(end + STEP),
    toEnd: () => setLast(null),
    /** Draw what is around this row of these rows, which may be newer. */
    show: (all, key) => setLast(around(all, key)),
  };
}

function around(rows, key) {
  const place = rows.findIndex((each) => each.key === key);
  const end = place + MOST / 2;
  return place < 0 || end >= rows.length ? null : rows[end - 1].key;
}
