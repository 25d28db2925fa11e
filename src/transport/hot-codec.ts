import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  type Registry,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { decodeUtf8, parseStrictJson } from "./strict-json.ts";

/** Reads the messages of a method's callers and writes its own. */
export interface HotCodec {
  read(bytes: Uint8Array): Message;
  write(message: Message): Uint8Array;
}

/** In protobuf's binary form, or in its JSON form, read as strictly as on every other face; `registry` knows what an Any may hold. */
export function createHotCodec({ input, output }: DescMethod, json: boolean, registry?: Registry): HotCodec {
  if (json) {
    return {
      read: (bytes) => parseStrictJson(input, decodeUtf8(bytes), registry),
      write: (message) => Buffer.from(toJsonString(output, message, registry && { registry })),
    };
  }
  return { read: (bytes) => readBinary(input, bytes), write: (message) => toBinary(output, message) };
}

/** With the code and the words of connect-node. */
function readBinary(input: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(input, bytes);
  } catch (error) {
    throw new ConnectError(`parse binary: ${error instanceof Error ? error.message : String(error)}`, Code.Internal);
  }
}
