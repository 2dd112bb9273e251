// The socket: who connects, when to try again, and the syncs that close every gap.
import { io, type Socket } from "socket.io-client";
import { backoff, createTimer, type Core } from "./core.js";
import { ChatError, isFinal, noAnswer } from "./errors.js";
import { entries, fromEntries } from "./object.js";
import { gaps } from "./reducer.js";
import type { Problem } from "./types.js";

/** In milliseconds. */
const enum Times {
  /** An event that overtook the one before it is not a gap yet. */
  overtaken = 250,
  call = 10_000,
  sync = 30_000,
}
const enum Most {
  /** So many handshakes in a row may be refused for their token before its user has to act. */
  refused = 3,
  /** The server takes no more versions; a cursor leads on. */
  since = 10_000,
}

export interface Connection {
  _socket: Socket;
  /** Whether the server has said, on this socket, whose it is. */
  _isOpen(): boolean;
  /** The token of the last handshake, or a fresh one; null when there is none to be had. */
  _bearer(isFresh?: boolean): Promise<string | null>;
  /** Send an event; returns its acknowledgement, throws a ChatError. */
  _call(event: string, data: unknown, timeout?: number): Promise<any>;
  _start(): void;
  _stop(): void;
  /** A request was refused with 401: connect again with a fresh token. */
  _reconnect(): void;
}

export const createConnection = (core: Core, opened: () => void): Connection => {
  const { _options: options } = core;
  const { userId: id, limit } = options;
  let isWanted = false;
  let isJoined = false;
  let token: string | null = null;
  let refused = 0; // handshakes in a row, for their token
  let tries = 0;
  let syncing: Promise<void> | null = null;
  const retry = createTimer();
  const soon = createTimer();

  const socket = io(options.url, {
    reconnectionDelayMax: 15_000,
    ...options.socket,
    autoConnect: false,
    auth: (give: (auth: object) => void) => void authenticate(give),
  });

  const hasGaps = () => gaps(core._state).length > 0;

  const bearer = async (isFresh?: boolean) => {
    if (isFresh || !token) token = (typeof options.token === "function" ? await options.token() : options.token) ?? null;
    return token;
  };

  const authenticate = async (give: (auth: object) => void) => {
    if (!options.token) return give({ id });
    try {
      await bearer(true);
      if (isWanted) token ? give({ token }) : refuse(null);
    } catch (error) {
      core._report(error);
      end(); // the app could not get a token: offline, most likely
    }
  };

  const refuse = (error: Problem | null) => {
    stop();
    core._status("unauthorized", error);
  };

  // A refused handshake, or a session that ended: the official client does not come back from either by itself.
  const handleRefusal = (problem?: Problem) => {
    const { status, retry_after } = problem ?? {};
    retry._stop();
    if (!isWanted) return;
    const mayRenew = status === 401 && typeof options.token === "function" && refused < Most.refused;
    if (!mayRenew && isRefusal(status)) return refuse(problem!);
    core._status("offline");
    retry._start(() => socket.connect(), mayRenew ? refused++ && backoff(refused) : backoff(tries++, retry_after));
  };

  const end = (problem?: Problem) => {
    socket.disconnect();
    handleRefusal(problem);
  };

  const lost = (problem?: Problem) => {
    isJoined = false;
    if (socket.active) core._status("offline");
    else handleRefusal(problem);
  };

  socket.on("connect", () => {
    core._status("syncing");
    sync();
  });
  socket.on("disconnect", () => lost());
  socket.on("connect_error", (error: Error & { data?: Problem }) => lost(error.data));
  socket.on("unauthorized", end);
  socket.onAny((name: string, data: any) => {
    core._event(name, data ?? {});
    if (hasGaps()) syncSoon();
  });
  core._subscribe(() => core._state.needs_sync && syncSoon());

  const syncSoon = () => {
    const isBehind = () => core._state.needs_sync || hasGaps();
    if (socket.connected) soon._start(() => isBehind() && sync(), Times.overtaken);
  };

  /** Sync until nothing is missing. One at a time: whoever asks meanwhile gets the same. */
  const sync = () => {
    syncing ??= syncAll().finally(() => {
      syncing = null;
      syncSoon(); // what was heard at the last moment
    });
  };

  const syncAll = async () => {
    for (let failures = 0; socket.connected; ) {
      try {
        const { cursor, conversations } = core._state;
        core._set({ needs_sync: false });
        const since = () => fromEntries(entries(conversations).slice(0, Most.since).map(([id, each]) => [id, each.version]));
        const answer = await call("join", { limit, ...(cursor ? { cursor } : { since: since() }) }, Times.sync);
        if (!socket.connected) break; // the answer came at the last moment
        core._dispatch({ type: "synced", answer, asked: conversations });
        if (!isJoined) {
          isJoined = true;
          opened();
        }
        if (answer.has_more || core._state.needs_sync) continue;
        if (!cursor || !hasGaps()) {
          refused = tries = 0;
          return core._status("live");
        }
        core._set({ cursor: null }); // it promises more than is here, perhaps: ask by versions
      } catch (error) {
        const { status, problem, retryAfter } = error as ChatError;
        if (!problem) core._report(error);
        if (isRefusal(status)) return end(problem);
        if (socket.connected) await new Promise((resume) => setTimeout(resume, backoff(failures++, retryAfter)));
      }
    }
  };

  const call = async (event: string, data: unknown, timeout: number = Times.call): Promise<any> => {
    if (!socket.connected) noAnswer("offline");
    const answer = await socket.timeout(timeout).emitWithAck(event, data).catch(noAnswer);
    if (answer?.error) throw new ChatError(answer.error);
    return answer;
  };

  const stop = () => {
    isWanted = isJoined = false;
    retry._stop();
    soon._stop();
    socket.disconnect();
  };

  return {
    _socket: socket,
    _isOpen: () => isJoined && socket.connected,
    _bearer: bearer,
    _call: call,
    _start() {
      isWanted = true;
      refused = 0;
      core._status("connecting");
      socket.connect();
    },
    _stop: stop,
    _reconnect: () => end({ status: 401 } as Problem),
  };
};

const isRefusal = (status: number | undefined) => status === 401 || isFinal(status!);
