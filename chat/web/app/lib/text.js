// Texts: mentions, links, and the hits of a search.
import { html } from "../html.js";

const MENTION = /@\[([0-9a-f-]{36})\]/g;
const TOKEN = /(@\[[0-9a-f-]{36}\])|(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/g;

/** The text with names in place of ids: for lists, quotes and readers of screens. */
export const plainText = (text, names) => text.replace(MENTION, (_, id) => `@${names(id)}`);

/** The text as it is shown. */
export function shownText(text, names, me) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(end, match.index));
    parts.push(match[1] ? mention(match[1].slice(2, -1), names, me) : link(match[0]));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}

const mention = (id, names, me) => html`<span class=${`mention${id === me ? " mine" : ""}`}>@${names(id)}</span>`;
const link = (address) => html`<a href=${address} target="_blank" rel="noopener noreferrer">${address}</a>`;

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'" };

/** What a search says of a hit: hits in <mark>, the rest escaped. Read as text, never as HTML. */
export function highlighted(highlight, names) {
  const unescape = (text) => plainText(text.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (_, name) => ENTITIES[name]), names);
  return highlight.split(/<mark>(.*?)<\/mark>/s).map((part, index) => (index % 2 ? html`<mark>${unescape(part)}</mark>` : unescape(part)));
}

/** The draft as it is sent: `@name` of those who were picked becomes `@[id]`. */
export function withIds(text, picked) {
  const longestFirst = [...picked].sort((a, b) => b.username.length - a.username.length);
  return longestFirst.reduce((sent, { id, username }) => sent.replaceAll(`@${username}`, `@[${id}]`), text);
}

/** The text of a message as its author edits it, with who is mentioned in it. */
export function forEditing(text, names) {
  const ids = [...new Set([...text.matchAll(MENTION)].map((match) => match[1]))];
  return { text: plainText(text, names), picked: ids.map((id) => ({ id, username: names(id) })) };
}

export const size = (bytes) => (bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);
