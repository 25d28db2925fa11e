import type { ErrorCode, FailureReason } from "./error.ts";

/** A request to a vendor. `headers` carry credentials and are never logged. */
export interface UpstreamRequest {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes out as it is; set `content-type` beside it. */
  readonly body?: string | Uint8Array;
  /** Reads a vendor's error body. Pure; gets the body as text, cut at 64 KiB. */
  readonly explain: ExplainError;
}

/** What a vendor's error body says, in our terms. What is absent follows from the status. */
export interface ErrorExplanation {
  readonly message: string;
  readonly providerCode?: string;
  readonly reason?: FailureReason;
  /** For vendors whose status says something else than what is wrong. */
  readonly code?: ErrorCode;
  /** For vendors that put into the body how long to wait. */
  readonly retryAfterMs?: number;
}

export type ExplainError = (body: string, status: number) => ErrorExplanation;

/** One server-sent event. `event` is "message" where the vendor names none. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** The head of a vendor's answer with status 2xx. Header names are lower-case. */
export interface UpstreamHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A WebSocket to a vendor to be opened; `url` is `ws:` or `wss:`. */
export interface UpstreamSocketRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  /** Reads the body of a refused handshake. */
  readonly explain: ExplainError;
}

/** A message of text that is still to be written. */
export interface TextMessage {
  readonly byteLength: number;
  /** Writes it as UTF-8. */
  write(target: Buffer, offset: number): void;
}

/** An open WebSocket. Text messages are strings, binary ones bytes. */
export interface UpstreamSocket {
  /** Ends when the vendor closes, whatever the code: only the adapter knows whether it was done (see `closed`). */
  readonly messages: AsyncIterable<string | Uint8Array>;
  /** How it was closed; 1006 when it was cut. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Resolves when there is room for more. */
  send(data: string | Uint8Array): Promise<void>;
  /** The same of a text message, which is written once, where it goes out from. */
  sendText(message: TextMessage): Promise<void>;
  close(code?: number): void;
}

/** What may be fetched of the files that a provider's answer names by their address. */
export interface DownloadLimits {
  /** The provider's own address: files beside it may be wherever it is, others only at public https addresses. */
  readonly providerUrl: string;
  /** What the media type has to begin with, such as `image/`. */
  readonly mimeTypePrefix: string;
  readonly maxBytes: number;
  /** For all of it. */
  readonly timeoutMs: number;
}

/** A file that was fetched, and its media type without parameters. */
export interface Download {
  readonly data: Uint8Array;
  readonly mimeType: string;
}

/** A vendor's connection pool. Every method throws `LivellmError`, and closes the socket as soon as `signal` aborts. */
export interface Upstream {
  /** The whole body as JSON. */
  json(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamHead & { readonly value: unknown }>;
  /** A body of server-sent events. The iterable ends when the body does: only the adapter knows the terminal event. */
  events(
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<UpstreamHead & { readonly events: AsyncIterable<ServerSentEvent> }>;
  /** A body of JSON lines; empty lines are left out. */
  lines(
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<UpstreamHead & { readonly lines: AsyncIterable<string> }>;
  /** The body's bytes as they come. */
  bytes(
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<UpstreamHead & { readonly bytes: AsyncIterable<Uint8Array> }>;
  /** Resolves when the vendor has accepted the handshake. */
  socket(request: UpstreamSocketRequest, signal: AbortSignal): Promise<UpstreamSocket>;
  /**
   * Fetches a file that an answer names by its address. No credentials go along. Throws `bad_provider_response` for an
   * address that may not be called, and for a file that is not within the limits.
   */
  download(address: string, limits: DownloadLimits, signal: AbortSignal): Promise<Download>;
  close(): Promise<void>;
}
