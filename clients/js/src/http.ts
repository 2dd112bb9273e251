// Requests: who asks, from which socket, and trying again where that is right.
import { sleep, type Core } from "./core.js";
import type { Connection } from "./connection.js";
import { ChatError, noAnswer } from "./errors.js";
import type { Problem } from "./types.js";

const TIMEOUT = 30_000;
const UPLOAD_TIMEOUT = 600_000;
const MOST_TRIES = 4;
/** Longer than this nobody waits for an answer. */
const LONGEST_WAIT = 30;

export interface Answer<Body> {
  body: Body;
  headers: Headers;
}

export type Query = Record<string, string | number | boolean | undefined>;
export type Request = <Body = any>(method: string, path: string, more?: { body?: object; query?: Query; form?: FormData }) => Promise<Answer<Body>>;

/** A function that makes requests: as the client's user, naming its socket, so that the user's other devices hear of it. */
export function createRequest(core: Core, connection: Connection): Request {
  const { url, userId, token } = core.options;
  const isOpen = !!userId && !token; // the server believes what the request says

  return async function request(method, path, { body, query, form } = {}) {
    let renewed = false;
    const inBody = isOpen && method !== "GET" && method !== "DELETE" && !form;
    const inQuery = isOpen && !inBody && !form;
    if (isOpen && form) form.set("user_id", userId!);
    const target = url.replace(/\/$/, "") + path + queryText(inQuery ? { user_id: userId, ...query } : query);
    for (let tries = 1; ; tries++) {
      const bearer = isOpen ? null : (connection.token() ?? (await connection.renew()));
      const response = await answerTo(target, {
        method,
        headers: {
          ...(bearer && { Authorization: `Bearer ${bearer}` }),
          ...(connection.id() && { "X-Socket-ID": connection.id()! }),
          ...((body || (inBody && !form)) && { "Content-Type": "application/json" }),
        },
        body: form ?? (body || inBody ? JSON.stringify(inBody ? { user_id: userId, ...body } : body) : undefined),
      });
      if (response.ok) return { body: await bodyOf(response), headers: response.headers };
      const error = new ChatError(await problemOf(response));
      if (error.status === 401 && typeof token === "function" && !renewed) {
        renewed = !!(await connection.renew());
        if (renewed) continue;
      }
      const wait = error.retryAfter ?? Infinity;
      const mayRepeat = method !== "POST" || error.status === 429; // after 503 a POST may have been done
      if (!mayRepeat || ![429, 503].includes(error.status) || wait > LONGEST_WAIT || tries === MOST_TRIES) throw error;
      await sleep(wait * 1000);
    }
  };
}

async function answerTo(target: string, options: RequestInit): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), options.body instanceof FormData ? UPLOAD_TIMEOUT : TIMEOUT);
  try {
    return await fetch(target, { ...options, signal: controller.signal });
  } catch (error) {
    throw noAnswer(String(error));
  } finally {
    clearTimeout(timer);
  }
}

async function bodyOf(response: Response) {
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

// A proxy in between answers with whatever it likes.
async function problemOf(response: Response): Promise<Problem> {
  const { status, statusText } = response;
  const problem = await response.json().catch(() => null);
  const retry_after = Number(response.headers.get("Retry-After")) || problem?.retry_after || (status === 503 ? 1 : undefined);
  const unknown = { type: "about:blank", title: statusText, status, code: "unknown", detail: statusText, request_id: "" };
  return { ...unknown, ...problem, ...(retry_after && { retry_after }) };
}

function queryText(query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value!)}`).join("&");
  return text && `?${text}`;
}
