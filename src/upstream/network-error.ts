import { LivellmError } from "../core/error.ts";

/** No answer came: refused, not found, timed out, reset, or TLS failed. Names the host, never the whole address. */
export function connectionFailed(url: string, cause: unknown): LivellmError {
  const { host } = new URL(url);
  return new LivellmError("unavailable", "network", `could not reach ${host}: ${describe(cause)}`, { cause });
}

/** An answer had begun, and its body broke off. */
export function connectionLost(url: string, cause: unknown): LivellmError {
  if (cause instanceof LivellmError) return cause;
  const { host } = new URL(url);
  return new LivellmError("unavailable", "stream_broken", `the answer of ${host} broke off: ${describe(cause)}`, {
    cause,
  });
}

const descriptions: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name could not be looked up",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  EPIPE: "connection closed",
  ETIMEDOUT: "connecting timed out",
  UND_ERR_CONNECT_TIMEOUT: "connecting timed out",
  UND_ERR_SOCKET: "connection closed before the answer was complete",
  HPE_INVALID_CONSTANT: "the answer is not HTTP",
  Z_BUF_ERROR: "compressed body cut short",
  Z_DATA_ERROR: "compressed body damaged",
};

function describe(cause: unknown): string {
  const code = codeOf(cause);
  if (code === undefined) return "connection failed";
  if (/CERT|TLS|SSL|ALTNAME/.test(code)) return `TLS failed (${code})`;
  return descriptions[code] ?? code;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof AggregateError) return error.errors.map(codeOf).find((code) => code !== undefined);
  return codeOf(error.cause);
}
