// Runs in the browser. The test calls it through `livellmSocket`.

/** A conversation over a WebSocket as a page has it. */
export interface PageSocket {
  /**
   * Opens a socket, sends the first frame, and each further one when an answer has come; then ends its side. Resolves with
   * the frames that came, binary ones as their length, and how the socket was closed.
   */
  converse(url: string, frames: readonly (string | readonly number[])[]): Promise<Conversation>;
}

export interface Conversation {
  /** "" when the handshake failed. */
  readonly protocol: string;
  readonly received: readonly (string | number)[];
  readonly code: number;
  readonly reason: string;
}

const pageSocket: PageSocket = {
  converse(url, frames) {
    const socket = new WebSocket(url, ["livellm.v1"]);
    socket.binaryType = "arraybuffer";
    const received: (string | number)[] = [];
    const unsent = [...frames, '{"end":{}}'];
    const sendNext = () => {
      const next = unsent.shift();
      if (next !== undefined) socket.send(typeof next === "string" ? next : Uint8Array.from(next));
    };
    socket.addEventListener("open", sendNext);
    socket.addEventListener("message", ({ data }: { readonly data: string | ArrayBuffer }) => {
      received.push(typeof data === "string" ? data : data.byteLength);
      sendNext();
    });
    return new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) =>
        resolve({ protocol: socket.protocol, received, code, reason }),
      );
    });
  },
};

Object.assign(globalThis, { livellmSocket: pageSocket });
