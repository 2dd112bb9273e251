import { html, useEffect, useState } from "../html.js";
import { useChat, useMe } from "../context.js";
import { briefly } from "../lib/dates.js";
import { nameOf } from "../lib/names.js";
import { attempt } from "../lib/notices.js";
import { go } from "../lib/route.js";
import { highlighted } from "../lib/text.js";
import { lookFor } from "../lib/jump.js";
import { Avatar } from "./Avatar.js";

const PAUSE = 250;

/** What a search finds: conversations, people, messages. */
export function Results({ text, onDone }) {
  const chat = useChat();
  const me = useMe();
  const [found, setFound] = useState({ people: [], groups: [], hits: [], isDone: false });
  const known = chat.conversations().filter((each) => nameOf(each, me.id).toLowerCase().includes(text.toLowerCase()));

  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const ask = (path, query) => chat.request("GET", path, { query }).then(({ body }) => body);
      const asked = [ask("/users/search", { q: text }), ask("/conversations/public", { q: text }), ask("/messages/search", { q: text, limit: 30 })];
      const [people, groups, hits] = await Promise.all(asked.map((each) => each.catch(() => [])));
      if (isCurrent) setFound({ people, groups: groups.filter((each) => !each.is_member), hits, isDone: true });
    }, PAUSE);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [chat, text]);

  async function write(user) {
    const about = await attempt(() => chat.openDirect(user.id));
    if (!about) return;
    onDone();
    go(`c/${about.id}`);
  }

  async function join({ id }) {
    if (!(await attempt(() => chat.join(id)))) return;
    onDone();
    go(`c/${id}`);
  }

  const count = known.length + found.people.length + found.groups.length + found.hits.length;
  const isEmpty = found.isDone && !count;
  return html`
    <div class="results">
      <p class="unseen" role="status">${found.isDone && `${count} results`}</p>
      ${isEmpty && html`<p class="soft hint">Nothing and nobody is called like that.</p>`}
      ${known.length > 0 &&
      html`<h2>Conversations</h2>
        <ul>${known.map((each) => html`<li key=${each.id}><a class="row" href=${`#/c/${each.id}`} onClick=${onDone}><${Avatar} id=${each.id} name=${nameOf(each, me.id)} /><span class="name">${nameOf(each, me.id)}</span></a></li>`)}</ul>`}
      ${found.people.length > 0 &&
      html`<h2>People</h2>
        <ul>${found.people.map((each) => html`<li key=${each.id}><button type="button" class="row" onClick=${() => write(each)}><${Avatar} id=${each.id} name=${each.username} address=${each.avatar_url} /><span class="name">${each.username}</span></button></li>`)}</ul>`}
      ${found.groups.length > 0 &&
      html`<h2>Public groups</h2>
        <ul class="listed">${found.groups.map(
          (each) => html`<li key=${each.id}>
            <${Avatar} id=${each.id} name=${each.name} address=${each.avatar_url} />
            <span class="name">${each.name}<small class="soft">${each.member_count} member${each.member_count === 1 ? "" : "s"}${each.description ? ` · ${each.description}` : ""}</small></span>
            <button type="button" aria-label=${`Join ${each.name}`} onClick=${() => join(each)}>Join</button>
          </li>`,
        )}</ul>`}
      ${found.hits.length > 0 &&
      html`<h2>Messages</h2>
        <ul>${found.hits.map((each) => html`<li key=${each.id}><${Hit} hit=${each} onDone=${onDone} /></li>`)}</ul>`}
    </div>
  `;
}

function Hit({ hit, onDone }) {
  const chat = useChat();
  const me = useMe();
  const about = chat.state().conversations[hit.conversation_id]?.about;
  const names = (id) => about?.participants.find((each) => each.id === id)?.username ?? "somebody";
  function open() {
    lookFor(hit.conversation_id, hit);
    go(`c/${hit.conversation_id}`);
    onDone();
  }
  return html`
    <button type="button" class="row hit" onClick=${open}>
      <span class="name">${hit.users.username}${about && about.type !== "direct" && ` in ${nameOf(about, me.id)}`}</span>
      <time datetime=${hit.created_at}>${briefly(hit.created_at)}</time>
      <span class="last">${highlighted(hit.highlight, names)}</span>
    </button>
  `;
}
