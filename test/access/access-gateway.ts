import type { JsonObject } from "@bufbuild/protobuf";
import { pino } from "pino";
import { createApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";

/** Long enough, and found nowhere else. */
export const adminToken = "admin-canary-5d1f09c2e47b";

/** The whole product in this process, on a free port. */
export interface AccessGateway extends AsyncDisposable {
  readonly url: string;
  /** All that it has logged. */
  log(): string;
  /** A unary call as JSON, by the administrator unless a token (or undefined, for none) is given. */
  call(rpc: string, request: object, token?: string | undefined): Promise<JsonAnswer>;
  /** A new caller's token. */
  createToken(settings?: object): Promise<CreatedToken>;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

export interface CreatedToken {
  readonly id: string;
  readonly etag: string;
  readonly secret: string;
}

export async function startAccessGateway(
  environment: Readonly<Record<string, string>> = { LIVELLM_ADMIN_TOKEN: adminToken },
): Promise<AccessGateway> {
  const lines: string[] = [];
  const logger = pino({ level: "trace" }, { write: (line: string) => lines.push(line) });
  const app = await createApp(readConfig({ PORT: "0", DATABASE_URL: "sqlite::memory:", ...environment }), logger);
  const { url } = await app.listen();
  const call: AccessGateway["call"] = (rpc, request, ...given) =>
    callWith(url, rpc, request, given.length > 0 ? given[0] : environment.LIVELLM_ADMIN_TOKEN);
  return {
    url,
    call,
    log: () => lines.join(""),
    async createToken(settings = {}) {
      const { status, body } = await call("AccessService/CreateToken", { token: settings });
      if (status !== 200) throw new Error(`no token was made: ${JSON.stringify(body)}`);
      const { id, etag } = body.token as { readonly id: string; readonly etag: string };
      return { id, etag, secret: String(body.secret) };
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

async function callWith(url: string, rpc: string, request: object, token: string | undefined): Promise<JsonAnswer> {
  const response = await fetch(`${url}/livellm.v1.${rpc}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, body: (await response.json()) as JsonObject };
}

/** The ErrorDetail of a failed call. */
export function detailOf({ body }: JsonAnswer): JsonObject {
  const details = (body.details ?? []) as unknown as readonly { readonly type: string; readonly debug: JsonObject }[];
  return details.find(({ type }) => type === "livellm.v1.ErrorDetail")?.debug ?? {};
}
