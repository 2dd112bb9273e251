import { assign } from "./object.js";
import type { Problem } from "./types.js";

/** What the server refused. Branch on `code`; `status` is 0 when there was no answer. */
export class ChatError extends Error {
  declare readonly problem: Problem;
  declare readonly status: number;
  declare readonly code: string;
  /** Seconds to wait. */
  declare readonly retryAfter: number | undefined;

  override name = "ChatError";

  constructor(problem: Problem) {
    super(problem.detail);
    const { status, code, retry_after: retryAfter } = problem;
    assign(this, { problem, status, code, retryAfter });
  }
}

/** There was no answer: offline, or it took too long. */
export function noAnswer(error: unknown): never {
  throw new ChatError({ status: 0, code: "no_answer", detail: String(error) } as Problem);
}

/** Whether trying again cannot help. */
export const isFinal = (status: number) => status > 399 && status < 500 && status !== 401 && status !== 429;
