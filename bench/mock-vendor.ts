// A vendor of chat completions that costs as little as it can. The model's name says what to answer:
// `unary`; `asap-200`: 200 chunks as fast as they are taken; `paced-100-20`: 100 chunks, the first
// at once and then one every 20 ms.
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

const head = { id: "chatcmpl-1", created: 1_700_000_000, model: "mock-1" };
const usage = { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 };
const whole = Buffer.from(
  JSON.stringify({
    ...head,
    object: "chat.completion",
    choices: [
      { index: 0, message: { role: "assistant", content: "The quick brown fox jumps." }, finish_reason: "stop" },
    ],
    usage,
  }),
);

function event(delta: object, finishReason: string | null = null, rest: object = {}): string {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  return `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...rest })}\n\n`;
}

const chunk = Buffer.from(event({ content: " token" }));
const last = Buffer.from(`${event({}, "stop", { usage })}data: [DONE]\n\n`);

const server = http.createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const piece of request) chunks.push(piece);
  const { model } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly model: string };
  const [kind, count = "0", interval = "0"] = model.split("-");
  if (kind === "unary") return sendWhole(response);
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (kind === "asap") await sendAtOnce(response, Number(count));
  else sendPaced(response, Number(count), Number(interval));
});

function sendWhole(response: http.ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
  response.end(whole);
}

async function sendAtOnce(response: http.ServerResponse, count: number): Promise<void> {
  for (let sent = 0; sent < count && !response.destroyed; sent++) {
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end(last);
}

function sendPaced(response: http.ServerResponse, count: number, intervalMs: number): void {
  response.write(chunk); // at once: what a timer adds would be taken for the relay's
  let sent = 1;
  const timer = setInterval(() => {
    if (sent++ < count) return void response.write(chunk);
    clearInterval(timer);
    response.end(last);
  }, intervalMs);
  response.once("close", () => clearInterval(timer));
}

server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", 4096, () => {
  process.stdout.write(`"http://127.0.0.1:${(server.address() as AddressInfo).port}"\n`);
});
