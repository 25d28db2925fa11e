import type { JsonObject } from "@bufbuild/protobuf";
import type { JsonAnswer } from "./json-call.ts";

export interface ReplicaCall {
  /** `AgentService/Run` */
  readonly method: string;
  readonly request: object;
  readonly token?: string;
}

/** A unary call as plain JSON, with a token where there is one. */
export async function callReplica(url: string, { method, request, token }: ReplicaCall): Promise<JsonAnswer> {
  const response = await fetch(`${url}/livellm.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, body: (await response.json()) as JsonObject };
}

/** One call after the other, until it is stopped. */
export interface Load {
  /** Resolves when so many more have been answered, well or not. */
  reached(more: number): Promise<void>;
  stop(): Promise<{ readonly calls: number; readonly failures: readonly string[] }>;
}

/** Calls all the time, one call after the other. */
export function loadOf(call: () => Promise<JsonAnswer>): Load {
  const failures: string[] = [];
  let calls = 0;
  let stopped = false;
  let wake = () => {};
  const ended = (async () => {
    while (!stopped) {
      const failure = await call().then(({ status, body }) => (status === 200 ? "" : JSON.stringify(body)), String);
      calls++;
      if (failure) failures.push(failure);
      wake();
    }
  })();
  return {
    reached: async (more) => {
      for (const goal = calls + more; calls < goal; ) await new Promise<void>((resolve) => (wake = resolve));
    },
    stop: async () => {
      stopped = true;
      await ended;
      return { calls, failures };
    },
  };
}
