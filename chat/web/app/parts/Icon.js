import { html } from "../html.js";

const PATHS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  bell: "M6 17V11a6 6 0 1112 0v6l2 2H4zM10 21h4",
  clock: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 2",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  dark: "M20 14A8 8 0 1110 4a7 7 0 0010 10z",
  delete: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  down: "M6 9l6 6 6-6",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  group: "M9 11a4 4 0 100-8 4 4 0 000 8zM2 21a7 7 0 0114 0M17 4a4 4 0 010 7M19 14a7 7 0 013 7",
  info: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 11v6M12 7.5v.01",
  globe: "M12 21a9 9 0 100-18 9 9 0 000 18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  light: "M12 16a4 4 0 100-8 4 4 0 000 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M5 19l1.5-1.5M17.5 6.5L19 5",
  pin: "M9 4h6l-1 6 4 4H6l4-4zM12 14v7",
  react: "M12 21a9 9 0 100-18 9 9 0 000 18zM8.5 14.5a4.5 4.5 0 007 0M9 9.5v.01M15 9.5v.01",
  reply: "M10 6L4 12l6 6M4 12h9a7 7 0 017 7",
  search: "M11 18a7 7 0 100-14 7 7 0 000 14zM20 20l-4-4",
  send: "M4 12l16-8-6 16-3-7z",
  unread: "M4 6h10M4 12h16M4 18h16M19 8a2 2 0 100-4 2 2 0 000 4z",
  thread: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
};

/** A picture beside a name: nothing for a reader of screens. */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>
`;
