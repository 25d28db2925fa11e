import type { Socket } from "node:net";

/** What every HTTP/2 client with prior knowledge sends first (RFC 9113, section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Reads as much of a new connection as it takes to see whether it speaks HTTP/2, puts the bytes back, and says so. A
 * connection that fails, ends, or has not shown its protocol after `timeoutMs` is dropped, and `decided` is not called.
 */
export function isHttp2(socket: Socket, timeoutMs: number, decided: (http2: boolean) => void): void {
  const drop = () => socket.destroy();
  const timer = setTimeout(drop, timeoutMs);
  let seen: Buffer = Buffer.alloc(0);
  const look = () => {
    for (let chunk = read(socket); chunk; chunk = read(socket)) seen = Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, preface.length);
    const like = preface.subarray(0, compared).equals(seen.subarray(0, compared));
    if (like && compared < preface.length) return;
    stop();
    socket.unshift(seen);
    decided(like);
  };
  const stop = () => {
    clearTimeout(timer);
    socket.off("readable", look).off("error", drop).off("end", drop).off("close", stop);
  };
  socket.on("readable", look).on("error", drop).on("end", drop).on("close", stop);
}

function read(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}
