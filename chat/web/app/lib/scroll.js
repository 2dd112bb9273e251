// A list that grows and shrinks at both ends and stays where its reader is: at the end, or at the first row that is in view.
import { useLayoutEffect, useRef } from "../html.js";

const AT_END = 60;
const NEAR = 800;

/** `isCut`: there are rows after those that are drawn. `onStart` and `onEnd` are told that the reader comes near what is not drawn. */
export function useSteadyScroll({ onStart, onEnd, onView, isCut = false }) {
  const box = useRef(null);
  const content = useRef(null);
  const place = useRef({ isAtEnd: true, row: null, offset: 0, top: 0 });
  const handlers = useRef({});
  handlers.current = { onStart, onEnd, onView, isCut };

  const offsetOf = (row) => row.getBoundingClientRect().top - box.current.getBoundingClientRect().top;

  function remember() {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    const row = firstWholeInView();
    const isAtEnd = !handlers.current.isCut && scrollHeight - scrollTop - clientHeight < AT_END;
    place.current = { isAtEnd, row, offset: row ? offsetOf(row) : 0, top: scrollTop };
  }

  // Not one that is cut: it may change its height when it is joined by those before it.
  function firstWholeInView() {
    const rows = content.current.children;
    let [low, high] = [0, rows.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsetOf(rows[middle]) >= 0) high = middle;
      else low = middle + 1;
    }
    return rows[low];
  }

  function restore() {
    if (!box.current) return;
    const { isAtEnd, row, offset, top } = place.current;
    const scrolled = box.current.scrollTop - top; // by the reader, of which no event has told yet
    if (isAtEnd && scrolled >= -1) box.current.scrollTop = box.current.scrollHeight;
    else if (row?.isConnected) box.current.scrollTop += offsetOf(row) - (offset - scrolled);
    look();
  }

  function look() {
    remember();
    handlers.current.onView?.(place.current.isAtEnd, lastInView());
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    if (scrollTop < NEAR) handlers.current.onStart?.();
    else if (handlers.current.isCut && scrollHeight - scrollTop - clientHeight < NEAR) handlers.current.onEnd?.();
  }

  function lastInView() {
    const bottom = box.current.clientHeight;
    const rows = content.current.children;
    for (let index = rows.length - 1; index >= 0; index--) {
      if (offsetOf(rows[index]) < bottom && rows[index].dataset.seq) return Number(rows[index].dataset.seq);
    }
    return 0;
  }

  useLayoutEffect(restore);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(restore); // images, another width, the keyboard of a phone
    observer.observe(content.current);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  return {
    box,
    content,
    onScroll: look,
    /** Go to the end, of what is drawn next where the rows are cut. */
    toEnd() {
      box.current.scrollTop = box.current.scrollHeight;
      if (handlers.current.isCut) place.current = { isAtEnd: true, row: null, offset: 0, top: box.current.scrollTop };
      else look();
    },
    to(row, block = "center") {
      row.scrollIntoView({ block });
      look();
    },
  };
}
