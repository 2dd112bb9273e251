// The socket: who connects, when to try again, and the syncs that close every gap.
import { io, type Socket } from "socket.io-client";
import { backoff, sleep, type Core } from "./core.js";
import { ChatError, isFinal, noAnswer } from "./errors.js";
import { gaps } from "./reducer.js";
import type { Problem, State } from "./types.js";

/** An event that overtook the one before it is not a gap yet. */
const OVERTAKEN = 250;
const SYNC_TIMEOUT = 30_000;

export interface Connection {
  /** The id of the socket, which HTTP requests name; undefined while there is none. */
  id(): string | undefined;
  /** Whether the server has said, on this socket, whose it is. */
  isOpen(): boolean;
  /** The token of the last handshake. */
  token(): string | null;
  /** Ask for a fresh token; null when there is none to be had. */
  renew(): Promise<string | null>;
  /** Send an event; returns its acknowledgement, throws a ChatError. */
  call(event: string, data: unknown, timeout?: number): Promise<any>;
  /** Send an event that may be lost. */
  emit(event: string, data: unknown): void;
  start(): void;
  stop(): void;
  /** A request was refused with 401: connect again with a fresh token. */
  reconnect(): void;
  socket: Socket;
}

export function createConnection(core: Core, opened: () => void, heard: (name: string, data: any) => void): Connection {
  const { url, userId, limit = 50 } = core.options;
  let isWanted = false;
  let isJoined = false;
  let token: string | null = null;
  let refused = 0; // handshakes in a row, for their token
  let tries = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let soon: ReturnType<typeof setTimeout> | undefined;
  let syncing: Promise<void> | null = null;

  const socket = io(url, {
    reconnectionDelay: 500,
    reconnectionDelayMax: 15_000,
    ...core.options.socket,
    autoConnect: false,
    auth: (give: (auth: object) => void) => void authenticate(give),
  });

  async function renew(): Promise<string | null> {
    const given = core.options.token;
    return (token = (typeof given === "function" ? await given() : given) ?? null);
  }

  async function authenticate(give: (auth: object) => void) {
    if (userId && !core.options.token) return give({ id: userId });
    try {
      const fresh = await renew();
      if (!isWanted) return;
      if (fresh) give({ token: fresh });
      else refuse(null);
    } catch (error) {
      core.report(error);
      socket.disconnect();
      again(backoff(tries++)); // the app could not get a token: offline, most likely
    }
  }

  function refuse(error: Problem | null) {
    stop();
    core.setStatus("unauthorized", error);
  }

  function again(milliseconds: number) {
    clearTimeout(retry);
    if (!isWanted) return;
    core.setStatus("offline");
    retry = setTimeout(() => isWanted && socket.connect(), milliseconds);
  }

  // A refused handshake, or a session that ended: the official client does not come back from either by itself.
  function handleRefusal(problem: Problem | undefined) {
    if (!problem?.status) return again(backoff(tries++));
    const hasFresh = typeof core.options.token === "function" && refused < 3;
    if (problem.status === 401 && hasFresh) return again(refused++ ? backoff(refused) : 0);
    if (problem.status === 401 || isFinal(problem)) return refuse(problem);
    again((problem.retry_after ?? 0) * 1000 || backoff(tries++));
  }

  socket.on("connect", () => {
    core.setStatus("syncing");
    void sync();
  });
  socket.on("disconnect", () => {
    isJoined = false;
    if (!isWanted) return;
    core.setStatus("offline");
    if (!socket.active) again(backoff(tries++));
  });
  socket.on("connect_error", (error: Error & { data?: Problem }) => {
    if (!isWanted) return;
    if (socket.active) core.setStatus("offline");
    else handleRefusal(error.data);
  });
  socket.on("unauthorized", (problem: Problem) => {
    socket.disconnect();
    isJoined = false;
    handleRefusal(problem);
  });
  socket.onAny((name: string, data: any) => {
    if (name !== "unauthorized" && data && typeof data === "object") heard(name, data);
    if (core.state().needs_sync || gaps(core.state()).length) syncSoon();
  });

  function syncSoon() {
    soon ??= setTimeout(() => {
      soon = undefined;
      if (isJoined && (core.state().needs_sync || gaps(core.state()).length)) void sync();
    }, OVERTAKEN);
  }
  core.subscribe(() => core.state().needs_sync && isJoined && syncSoon());

  /** Sync until nothing is missing. One at a time; whoever asks meanwhile gets the same. */
  function sync(): Promise<void> {
    syncing ??= syncAll().finally(() => {
      syncing = null;
      if (socket.connected && core.state().needs_sync) syncSoon();
    });
    return syncing;
  }

  async function syncAll() {
    const { id } = socket;
    for (let failures = 0; socket.connected && socket.id === id; ) {
      try {
        const before = core.state();
        core.dispatch({ type: "syncAsked" });
        const answer = await call("join", { ...known(before), limit }, SYNC_TIMEOUT);
        if (socket.id !== id) break;
        core.dispatch({ type: "synced", answer });
        if (!isJoined) {
          isJoined = true;
          opened();
        }
        if (answer.has_more || core.state().needs_sync) continue;
        if (before.cursor && isStuck(before, core.state())) core.dispatch({ type: "cursorLost" });
        else return live();
      } catch (error) {
        if (!(error instanceof ChatError)) core.report(error);
        const problem = error instanceof ChatError ? error.problem : undefined;
        if (problem && (problem.status === 401 || isFinal(problem))) return (socket.disconnect(), handleRefusal(problem));
        if (socket.connected) await sleep((problem?.retry_after ?? 0) * 1000 || backoff(failures++));
      }
    }
    if (socket.connected && isWanted) return syncAll(); // it is another socket by now
  }

  function live() {
    refused = tries = 0;
    core.setStatus("live");
  }

  async function call(event: string, data: unknown, timeout = 10_000): Promise<any> {
    if (!socket.connected) throw noAnswer("There is no connection.");
    const answer = await socket
      .timeout(timeout)
      .emitWithAck(event, data)
      .catch((error: Error) => {
        throw noAnswer(error.message);
      });
    if (answer?.error) throw new ChatError(answer.error);
    return answer;
  }

  function start() {
    isWanted = true;
    refused = 0;
    core.setStatus("connecting");
    socket.connect();
  }

  function stop() {
    isWanted = isJoined = false;
    clearTimeout(retry);
    clearTimeout(soon);
    soon = undefined;
    socket.disconnect();
  }

  return {
    id: () => (isJoined ? socket.id : undefined),
    isOpen: () => isJoined && socket.connected,
    token: () => token,
    renew,
    call,
    emit: (event, data) => void (isJoined && socket.emit(event, data)),
    start,
    stop,
    reconnect() {
      socket.disconnect();
      handleRefusal({ status: 401 } as Problem);
    },
    socket,
  };
}

/** What a sync is asked with: the cursor of the last answer, or the versions that are known. */
function known({ cursor, conversations }: State) {
  if (cursor) return { cursor };
  const since = Object.entries(conversations).slice(0, 10_000).map(([id, each]) => [id, each.version]);
  return { since: Object.fromEntries(since) };
}

// A gap that a sync by cursor did not close: the cursor promises more than is here.
const isStuck = (before: State, after: State) =>
  gaps(before).some((id) => gaps(after).includes(id) && after.conversations[id]!.version === before.conversations[id]!.version);
