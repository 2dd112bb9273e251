// Requests: who asks, and from which socket.
import type { Core } from "./core.js";
import type { Connection } from "./connection.js";
import { ChatError, noAnswer } from "./errors.js";
import { entries } from "./object.js";

/** In milliseconds. */
const enum Timeout {
  request = 30_000,
  upload = 600_000,
}

export interface Answer<Body> {
  body: Body;
  headers: Headers;
}

export type Query = Record<string, string | number | boolean | undefined>;
export type Request = <Body = any>(method: string, path: string, more?: { body?: object; query?: Query; form?: FormData }) => Promise<Answer<Body>>;

/** A function that makes requests: as the client's user, naming its socket, so that the user's other devices hear of it. */
export const createRequest = ({ _options }: Core, connection: Connection): Request => {
  return async function request(method, path, { body, query = {}, form } = {}) {
    const { url, userId: user_id, token } = _options;
    const isOpen = user_id && !token; // the server believes what the request says
    if (isOpen && !form) {
      if (method === "GET" || method === "DELETE") query = { user_id, ...query };
      else body = { user_id, ...body };
    }
    const pairs = entries(query).filter(([, value]) => value !== undefined);
    const text = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join("&");
    const target = url.replace(/\/$/, "") + path + (text && `?${text}`);
    for (let renewed: unknown; ; ) {
      const bearer = !isOpen && (await connection._bearer());
      const { id } = connection._socket;
      const response = await fetch(target, {
        method,
        headers: {
          ...(bearer && { Authorization: `Bearer ${bearer}` }),
          ...(id && { "X-Socket-ID": id }),
          ...(body && { "Content-Type": "application/json" }),
        },
        body: form ?? (body && JSON.stringify(body)),
        signal: AbortSignal.timeout?.(form ? Timeout.upload : Timeout.request), // React Native has limits of its own
      }).catch(noAnswer);
      const { ok, status, statusText, headers } = response;
      const answer = await response.json().catch(() => null); // nothing, or what a proxy in between likes to say
      if (ok) return { body: answer, headers };
      if (status === 401 && typeof token === "function" && !renewed && (renewed = await connection._bearer(true))) continue;
      throw new ChatError({ status, code: "unknown", detail: statusText, ...answer });
    }
  };
};
