import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  fromBinary,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromJson } from "@connectrpc/connect/protocol-connect";
import { tokenProtocols } from "./token.ts";

/** What may wait in the socket before the connection counts as too slow for live audio: some ten seconds of it. */
const maxWaitingBytes = 1024 * 1024;

/** A call that streams both ways. Browsers cannot do that over HTTP; the gateway takes it as a WebSocket on the RPC's path. */
export interface DuplexCall<I extends DescMessage, O extends DescMessage> {
  /** Sends a message, once the connection stands. */
  send(message: MessageInitShape<I>): void;
  /** Ends our side; the answers go on. */
  end(): void;
  /** Gives the call up. */
  cancel(): void;
  /** Ends when the call has succeeded; throws a ConnectError when it has not, a connection that broke off included. */
  readonly answers: AsyncIterable<MessageShape<O>>;
}

/** Opens a call: binary frames are messages, the last text frame is the status. */
export function openDuplexCall<I extends DescMessage, O extends DescMessage>(
  method: DescMethodBiDiStreaming<I, O>,
): DuplexCall<I, O> {
  const url = new URL(`/${method.parent.typeName}/${method.name}`, location.origin.replace(/^http/, "ws"));
  const socket = new WebSocket(url, ["livellm.v1", ...tokenProtocols()]);
  socket.binaryType = "arraybuffer";
  const answers = readAnswers(collectFrames(socket), method.output);
  const unsent: (string | Uint8Array<ArrayBuffer>)[] = [];
  socket.addEventListener("open", () => {
    for (const frame of unsent.splice(0)) socket.send(frame);
  });
  const send = (frame: string | Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.CONNECTING) unsent.push(frame);
    else if (socket.bufferedAmount > maxWaitingBytes) socket.close(4000, "too slow");
    else if (socket.readyState === WebSocket.OPEN) socket.send(frame);
  };
  return {
    send: (message) => send(toBinary(method.input, create(method.input, message))),
    end: () => send('{"end":{}}'),
    cancel: () => socket.close(1000),
    answers,
  };
}

async function* readAnswers<O extends DescMessage>(
  frames: AsyncIterable<Frame>,
  output: O,
): AsyncGenerator<MessageShape<O>> {
  let status: ConnectError | "ok" | undefined;
  for await (const frame of frames) {
    if (typeof frame === "string") status = readStatus(frame);
    else yield fromBinary(output, new Uint8Array(frame));
  }
  if (status === "ok") return;
  throw status ?? new ConnectError("the connection broke off before the call was complete", Code.Unavailable);
}

function readStatus(frame: string): ConnectError | "ok" {
  const { status } = JSON.parse(frame) as { readonly status: JsonValue & { readonly code?: string } };
  if (status.code === "ok") return "ok";
  return errorFromJson(status, undefined, new ConnectError("the status cannot be read", Code.Unknown));
}

type Frame = string | ArrayBuffer;

/** The frames as they come, to the end of the connection. None is lost that comes before they are read. */
function collectFrames(socket: WebSocket): AsyncIterable<Frame> {
  const waiting: Frame[] = [];
  let wake = () => {};
  let closed = false;
  socket.addEventListener("message", ({ data }) => {
    waiting.push(data as Frame);
    wake();
  });
  socket.addEventListener("close", () => {
    closed = true;
    wake();
  });
  return (async function* read() {
    try {
      while (!closed || waiting.length > 0) {
        const frame = waiting.shift();
        if (frame !== undefined) yield frame;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      socket.close();
    }
  })();
}
