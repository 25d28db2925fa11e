import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { drained } from "../src/streams/drained.ts";
import { agentDialects } from "../test/support/agent-dialects.ts";

/** A vendor of chat completions that says a word now and then. */
export interface TalkingVendor extends AsyncDisposable {
  readonly baseUrl: string;
}

/** Answers with so many words, one each so many milliseconds. */
export async function startTalkingVendor(words: number, everyMs: number): Promise<TalkingVendor> {
  const text = Array.from({ length: words }, (_, i) => ` word${i}`).join("");
  const pieces = [...(agentDialects["openai-compatible"]?.answer({ text }, 1) ?? [])];
  const server = http.createServer(async (request, response) => {
    response.on("error", () => undefined); // the gateway has gone
    await request.toArray();
    response.writeHead(200, { "content-type": "text/event-stream" });
    let next = 0;
    const timer = setInterval(async () => {
      const piece = pieces[next++];
      if (piece === undefined) response.end();
      else if (!response.write(piece)) await drained(response);
    }, everyMs);
    response.once("close", () => clearInterval(timer));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
