import type { Problem } from "./types.js";

/** What the server refused. Branch on `code`; `status` is 0 when there was no answer. */
export class ChatError extends Error {
  readonly status: number;
  readonly code: string;
  /** Seconds to wait. */
  readonly retryAfter: number | undefined;

  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "ChatError";
    this.status = problem.status;
    this.code = problem.code;
    this.retryAfter = problem.retry_after;
  }
}

/** There was no answer: offline, or it took too long. */
export function noAnswer(detail: string): ChatError {
  return new ChatError({ type: "about:blank", title: "No answer", status: 0, code: "no_answer", detail, request_id: "" } as Problem);
}

/** Whether trying again cannot help. */
export const isFinal = ({ status }: { status: number }) => status >= 400 && status < 500 && status !== 401 && status !== 429;
