import { html, useEffect, useRef, useState } from "../html.js";
import { ask, knownUsers, signInWith, signUp } from "../session.js";
import { Avatar } from "./Avatar.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const TEXTS = {
  open: "Choose a name. This server runs in open mode: it believes whoever says who they are.",
  own: "Choose a name. The server gives this browser a token that stands for you; there is no password.",
  token: "Paste the token that your app or identity provider gave you.",
};

/** Sign in: by a name, as somebody who was here before, or with a token. */
export function SignIn({ how, problem, onSignedIn }) {
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const first = useRef(null);
  useEffect(() => first.current.focus(), []);

  async function attempt(work) {
    setBusy(true);
    setError("");
    try {
      onSignedIn(await work());
    } catch (refusal) {
      setError(refusal instanceof TypeError || refusal instanceof SyntaxError ? "That did not work. Is it complete?" : refusal.message);
      setBusy(false);
    }
  }

  function submit(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const [name, token] = [form.get("name")?.trim(), form.get("token")?.trim()];
    attempt(async () => {
      if (token) return signInWith(token, name);
      if (how === "open" && UUID.test(name)) return find(name.toLowerCase());
      const user = await signUp(name);
      return { ...user, isOwn: !!user.token };
    });
  }

  const find = async (id) => ({ ...(await ask("GET", `/users/${id}?user_id=${id}`)), token: null });

  return html`
    <main class="sign-in">
      <form class="card" onSubmit=${submit}>
        <img src="web/icon.svg" alt="" width="48" height="48" />
        <h1>Chat</h1>
        <p class="soft" id="how">${TEXTS[how] ?? TEXTS.open}</p>
        ${(error || problem) && html`<p class="problem" role="alert">${error || problem}</p>`}
        ${how === "token" &&
        html`<label>Token<textarea ref=${first} name="token" rows="4" required spellcheck="false" autocomplete="off"></textarea></label>`}
        <label>
          ${how === "token" ? "Name, if you have none here yet" : "Your name"}
          <input ref=${how === "token" ? undefined : first} name="name" maxlength="255" required=${how !== "token"} autocomplete="nickname" aria-describedby="how" />
        </label>
        <button class="primary" disabled=${isBusy}>${isBusy ? "One moment …" : "Start chatting"}</button>
        ${how === "open" && html`<${Known} onPick=${(user) => attempt(() => find(user.id))} />`}
      </form>
      <p class="soft foot"><a href="openapi.json">openapi.json</a> and <a href="asyncapi.json">asyncapi.json</a> describe this server for your own apps.</p>
    </main>
  `;
}

/** Those who signed in here before, and whom a search finds: open mode believes whoever says who they are. */
function Known({ onPick }) {
  const known = knownUsers();
  const [found, setFound] = useState([]);
  if (!known.length) return html`<p class="soft small">Somebody already? Their id in place of a name signs you in as them.</p>`;

  async function search(text) {
    const path = `/users/search?user_id=${known[0].id}&q=${encodeURIComponent(text)}`;
    setFound(text.trim() ? await ask("GET", path).catch(() => []) : []);
  }

  const people = [...found, ...known.filter((each) => !found.some(({ id }) => id === each.id))].slice(0, 8);
  return html`
    <section aria-label="People who are here already">
      <h2>Or go on as</h2>
      <input type="search" placeholder="Search names" aria-label="Search names" onInput=${(event) => search(event.target.value)} />
      <ul class="people">
        ${people.map(
          (user) => html`<li key=${user.id}>
            <button type="button" class="row" onClick=${() => onPick(user)}><${Avatar} id=${user.id} name=${user.username} />${user.username}</button>
          </li>`,
        )}
      </ul>
    </section>
  `;
}
