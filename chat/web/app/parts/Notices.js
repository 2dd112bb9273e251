import { html, useEffect, useState } from "../html.js";
import { hear } from "../lib/notices.js";

const SHOWN_FOR = 6000;

/** Notices at the foot of the page, and a place where readers of screens hear what is new. */
export function Notices() {
  const [notices, setNotices] = useState([]);
  const [news, setNews] = useState("");
  useEffect(
    () =>
      hear((kind, text) => {
        if (kind === "news") return setNews(text);
        const notice = { text, id: Math.random() };
        setNotices((all) => [...all.slice(-2), notice]);
        setTimeout(() => setNotices((all) => all.filter((each) => each !== notice)), SHOWN_FOR);
      }),
    [],
  );
  return html`
    <div class="notices" role="alert">${notices.map(({ id, text }) => html`<p key=${id}>${text}</p>`)}</div>
    <div class="unseen" role="status" aria-live="polite" data-news>${news}</div>
  `;
}
