// Who is signed in, kept in this browser; and the requests that are made before anybody is.
import { createChat, indexedDbStore, more } from "../vendor/chat.js";

const KEPT = "chat.session";
const KNOWN = "chat.known"; // open mode: who signed in here before
const DAY = 24 * 3600;

const read = (key, otherwise) => {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
};

export const url = location.origin;
export const keptSession = () => read(KEPT, null);
export const knownUsers = () => read(KNOWN, []);

/** Ask the server; returns the body, throws the problem it answers with. */
export async function ask(method, path, body, token) {
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error(answer?.detail ?? `The server answers ${response.status}.`);
  return answer;
}

/** Sign up under a name. */
export async function signUp(username) {
  const { id, username: name, access_token } = await ask("POST", "/users/create", { username });
  return { id, username: name, token: access_token ?? null };
}

/** Sign in with a token of the identity provider, whose user may not have a profile yet. */
export async function signInWith(token, username) {
  const id = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub;
  if (username) await ask("POST", "/users/create", { username }, token);
  return { id, username, token };
}

export function keep(session) {
  localStorage.setItem(KEPT, JSON.stringify(session));
  if (session.token) return;
  const others = knownUsers().filter((each) => each.id !== session.id);
  localStorage.setItem(KNOWN, JSON.stringify([{ id: session.id, username: session.username }, ...others].slice(0, 8)));
}

export const forget = () => localStorage.removeItem(KEPT);

/** Connect as whoever is signed in. */
export function start(session) {
  const who = session.token ? { token: () => freshToken(session) } : { userId: session.id };
  const onError = (error) => console.warn(error);
  return more(createChat({ url, ...who, store: indexedDbStore(`chat-${session.id}`), onError }), { onError });
}

// The server's own tokens are renewed in time; those of a provider are the provider's affair.
async function freshToken(session) {
  const kept = keptSession();
  if (kept?.id === session.id) session.token = kept.token;
  if (session.isOwn && expiresIn(session.token) < 7 * DAY) {
    try {
      session.token = (await ask("POST", "/tokens/refresh", {}, session.token)).access_token;
      keep(session);
    } catch {
      // it may hold for some days more; when it does not, the handshake says so
    }
  }
  return session.token;
}

function expiresIn(token) {
  const { exp } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  return exp - Date.now() / 1000;
}
