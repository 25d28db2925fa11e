import http2 from "node:http2";
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** Opens this many connections that say nothing, or as many as there are files for; returns how many. */
export async function openIdle(url: string, wanted: number): Promise<{ readonly sockets: readonly net.Socket[] }> {
  const { hostname, port } = new URL(url);
  const sockets: net.Socket[] = [];
  for (let left = wanted; left > 0; left -= 250) {
    const batch = Array.from({ length: Math.min(250, left) }, () => net.connect(Number(port), hostname));
    const opened = await Promise.all(batch.map(isOpened));
    sockets.push(...batch.filter((_, i) => opened[i]));
    if (opened.includes(false)) break;
  }
  return { sockets };
}

function isOpened(socket: net.Socket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.on("error", () => resolve(false)); // and later ones: the gateway may hang up
  });
}

/** Sends this and reads what comes back until the gateway hangs up, or for so long. */
export async function exchange(url: string, text: string, longestMs: number): Promise<Exchange> {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.on("error", () => undefined); // being hung up on is an answer
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const begun = performance.now();
  const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(true)));
  socket.write(text);
  const isClosed = await Promise.race([closed, wait(longestMs, false, { ref: false })]);
  socket.destroy();
  return { isClosed, afterMs: performance.now() - begun, answer: Buffer.concat(chunks).toString("latin1") };
}

export interface Exchange {
  /** Whether the gateway hung up by itself. */
  readonly isClosed: boolean;
  readonly afterMs: number;
  readonly answer: string;
}

/** Sends this, then more of the same a byte at a time, as slow-loris does, until the gateway hangs up, or for so long. */
export async function drip(url: string, { first, more }: Drip, longestMs: number): Promise<Exchange> {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.on("error", () => undefined); // being hung up on is an answer
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const begun = performance.now();
  const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(true)));
  let at = 0;
  const timer = setInterval(() => more !== "" && socket.write(more[at++ % more.length] ?? ""), 200);
  if (first !== "") socket.write(first);
  const isClosed = await Promise.race([closed, wait(longestMs, false, { ref: false })]);
  clearInterval(timer);
  socket.destroy();
  return { isClosed, afterMs: performance.now() - begun, answer: Buffer.concat(chunks).toString("latin1") };
}

export interface Drip {
  readonly first: string;
  readonly more: string;
}

/** The same with the body of a call over HTTP/2; what comes back is its status. */
export async function dripOverHttp2(
  url: string,
  headers: http2.OutgoingHttpHeaders,
  longestMs: number,
): Promise<Exchange> {
  const session = http2.connect(url);
  session.on("error", () => undefined); // being hung up on is an answer
  const call = session.request({ ":method": "POST", ...headers }, { endStream: false });
  const status = new Promise<string>((resolve) => {
    call.once("response", (head) => resolve(`${head[":status"]} ${head["grpc-status"] ?? ""}`.trim()));
    call.once("close", () => resolve(`reset with ${call.rstCode}`));
  });
  call.on("error", () => undefined).resume();
  const begun = performance.now();
  const closed = new Promise<boolean>((resolve) => call.once("close", () => resolve(true)));
  call.write(Buffer.from([0, 0, 0, 0x27, 0x0f])); // the head of a message in the framing of gRPC and Connect
  const timer = setInterval(() => call.closed || call.write(" "), 200);
  const isClosed = await Promise.race([closed, wait(longestMs, false, { ref: false })]);
  clearInterval(timer);
  session.destroy();
  return { isClosed, afterMs: performance.now() - begun, answer: await status };
}
