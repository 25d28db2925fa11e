import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { mapped } from "../streams/mapped.ts";
import { envelope } from "./hot-envelopes.ts";

/** Gives an error its details. */
type Explain = (error: ConnectError) => ConnectError;

/**
 * An answer of connect-node's, with details in its status. There is no hook for the errors that it finds before a call
 * reaches the interceptors (messages that it cannot unpack or that are too large, compressions and deadlines that it does
 * not know): they are told by their lack of details, in what is about to be sent. Everything else is left as it is.
 */
export async function withExplainedStatus(
  universal: UniversalServerResponse,
  explain: Explain,
): Promise<UniversalServerResponse> {
  const contentType = universal.header?.get("content-type") ?? "";
  if (contentType.startsWith("application/connect+")) return withEnd(universal, explain, explainedEndOfStream);
  if (contentType.startsWith("application/grpc-web")) return withEnd(universal, explain, explainedWebTrailers);
  if (contentType.startsWith("application/grpc")) return withTrailer(universal, explain);
  return universal.status === 200 ? universal : withUnaryError(universal, explain);
}

/** The trailers are known once the body has been written. */
function withTrailer(universal: UniversalServerResponse, explain: Explain): UniversalServerResponse {
  return {
    ...universal,
    get trailer() {
      if (universal.trailer) explainTrailer(universal.trailer, explain);
      return universal.trailer;
    },
  };
}

/** True when there was something to explain. */
function explainTrailer(trailer: Headers, explain: Explain): boolean {
  const error = findTrailerError(trailer);
  if (!error || error.details.length > 0) return false;
  setTrailerStatus(trailer, explain(error));
  return true;
}

/** An answer that ends within its body; connect-node writes one envelope at a time. */
function withEnd(
  universal: UniversalServerResponse,
  explain: Explain,
  explained: (bytes: Uint8Array, explain: Explain) => Uint8Array,
): UniversalServerResponse {
  return universal.body
    ? { ...universal, body: mapped(universal.body, (bytes) => explained(bytes, explain)) }
    : universal;
}

const headBytes = 5;

function explainedEndOfStream(bytes: Uint8Array, explain: Explain): Uint8Array {
  // What is compressed as well is long, and has its details.
  if (bytes[0] !== endStreamFlag) return bytes;
  const { metadata, error } = endStreamFromJson(bytes.subarray(headBytes));
  if (!error || error.details.length > 0) return bytes;
  return envelope(endStreamFlag, Buffer.from(JSON.stringify(endStreamToJson(metadata, explain(error), undefined))));
}

function explainedWebTrailers(bytes: Uint8Array, explain: Explain): Uint8Array {
  if (bytes[0] !== trailerFlag) return bytes;
  const trailer = trailerParse(bytes.subarray(headBytes));
  return explainTrailer(trailer, explain) ? envelope(trailerFlag, trailerSerialize(trailer)) : bytes;
}

/** Connect's unary form: the body is the error object. It is not compressed, short as it is without details. */
async function withUnaryError(universal: UniversalServerResponse, explain: Explain): Promise<UniversalServerResponse> {
  const { header, body } = universal;
  if (!header || !body || header.has("content-encoding")) return universal;
  const chunks = await Array.fromAsync(body);
  const error = errorFromJsonBytes(Buffer.concat(chunks), undefined, new ConnectError("", Code.Unknown));
  const explained = error.details.length > 0 ? chunks : [errorToJsonBytes(explain(error), undefined)];
  header.set("content-length", String(Buffer.concat(explained).length));
  return { ...universal, body: ReadableStream.from(explained) };
}
