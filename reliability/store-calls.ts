import { setTimeout as wait } from "node:timers/promises";
import { echoRequest } from "../test/support/echo-request.ts";

/** Callers that go on calling. */
export interface BackgroundCalls {
  tally(): { readonly count: number; readonly failed: number; readonly slowestMs: number };
  /** Ends them, and resolves with the tally. */
  stop(): Promise<ReturnType<BackgroundCalls["tally"]>>;
}

const callers = 4;

/** Calls by a token of the store, over and over; and now and then by a token that is none, which has to be refused. */
export function startCalling(url: string, token: string): BackgroundCalls {
  let [count, failed, slowestMs] = [0, 0, 0];
  let isOver = false;
  const one = async (presented: string, expected: number): Promise<void> => {
    const begun = performance.now();
    const status = await statusOf(url, presented);
    count++;
    slowestMs = Math.max(slowestMs, performance.now() - begun);
    if (status !== expected) failed++;
  };
  const caller = async () => {
    while (!isOver) {
      await one(token, 200);
      await one("a-token-of-nobody", 401);
      await wait(10);
    }
  };
  const tally = () => ({ count, failed, slowestMs });
  const all = Promise.all(Array.from({ length: callers }, caller));
  return {
    tally,
    async stop() {
      isOver = true;
      await all;
      return tally();
    },
  };
}

/** 0 when there was no answer. */
async function statusOf(url: string, token: string): Promise<number> {
  try {
    const response = await fetch(`${url}/livellm.v1.AgentService/Run`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(echoRequest("Hello!")),
      signal: AbortSignal.timeout(30_000),
    });
    await response.text();
    return response.status;
  } catch {
    return 0;
  }
}
