import { readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { wrongUsage } from "./exit-codes.ts";
import { packageVersion } from "./package-version.ts";
import type { Terminal } from "./terminal.ts";

/** Where the gateway is, as every command that calls one takes it. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** One gateway; nothing is connected before the first call. Disposed, its connection is gone and its calls with it. */
export interface Connection extends Disposable {
  readonly url: string;
  client<S extends DescService>(service: S): Client<S>;
}

export interface ConnectionDetails {
  readonly url: string;
  readonly token: string | undefined;
  readonly tls: TlsOptions;
}

type TlsOptions = NonNullable<ConstructorParameters<typeof Http2SessionManager>[2]>;

/** Recordings and images come in one message. */
const readMaxBytes = 1024 * 1024 * 1024;

/** Opens the gateway that the options or the environment name. */
export function connect(options: ConnectionOptions, terminal: Terminal): Connection {
  const { environment } = terminal;
  const tls = { ...authorityOf(options, environment), ...certificateOf(options, environment) };
  return openConnection({ url: addressOf(options, terminal), token: tokenOf(options, terminal), tls });
}

/** Calls by gRPC, over HTTP/2 with or without TLS. */
export function openConnection({ url, token, tls }: ConnectionDetails): Connection {
  const sessions = new HeardSessions(url, {}, tls);
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager: sessions,
    readMaxBytes,
    interceptors: [signCalls(token)],
  });
  return {
    url,
    client: (service) => createClient(service, transport),
    [Symbol.dispose]: () => sessions.abort(),
  };
}

/**
 * A connection that breaks tells its streams first, and itself when connect-node no longer listens, as with a server that speaks
 * no HTTP/2. What nobody hears would end the process.
 */
class HeardSessions extends Http2SessionManager {
  readonly #heard = new WeakSet<object>();

  override async request(...request: Parameters<Http2SessionManager["request"]>) {
    const stream = await super.request(...request);
    const { session } = stream;
    if (session && !this.#heard.has(session)) {
      this.#heard.add(session);
      session.on("error", () => undefined);
    }
    return stream;
  }
}

type Environment = Terminal["environment"];

function authorityOf({ ca }: ConnectionOptions, environment: Environment): TlsOptions {
  const file = ca ?? environment.LIVELLM_CA?.trim();
  return file ? { ca: readSecretFile(file, "the authorities' certificates") } : {};
}

/** What this program shows to a gateway that asks for certificates (mTLS). */
export function certificateOf({ cert, key }: ConnectionOptions, environment: Environment): TlsOptions {
  const certFile = cert ?? environment.LIVELLM_CLIENT_CERT?.trim();
  const keyFile = key ?? environment.LIVELLM_CLIENT_KEY?.trim();
  if (!certFile && !keyFile) return {};
  if (!certFile || !keyFile) throw wrongUsage("a certificate needs its key: --cert and --key");
  return { cert: readSecretFile(certFile, "the certificate"), key: readSecretFile(keyFile, "its key") };
}

/** `--url`, else `LIVELLM_URL`, else the port that a gateway started here would take. */
export function addressOf({ url }: ConnectionOptions, { environment }: Terminal): string {
  const given = url ?? (environment.LIVELLM_URL?.trim() || `http://127.0.0.1:${environment.PORT?.trim() || "8000"}`);
  const parsed = URL.parse(given);
  if (parsed && /^https?:$/.test(parsed.protocol)) return given.replace(/\/+$/, "");
  throw wrongUsage("the gateway's address must be a URL such as http://127.0.0.1:8000: see --url and LIVELLM_URL");
}

/** Never from the command line, where every user of the machine can read it. */
function tokenOf({ tokenFile }: ConnectionOptions, { environment }: Terminal): string | undefined {
  const file = tokenFile ?? environment.LIVELLM_TOKEN_FILE?.trim();
  const token = tokenFile === undefined ? environment.LIVELLM_TOKEN?.trim() : undefined;
  if (token || !file) return token || undefined;
  return readSecretFile(file, "the token");
}

/** A file that holds one secret, or one other text, with or without a line break behind it. */
export function readSecretFile(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw wrongUsage(`${what} cannot be read from ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function signCalls(token: string | undefined): Interceptor {
  const userAgent = `livellm-cli/${packageVersion()}`;
  return (next) => (request) => {
    request.header.set("user-agent", userAgent);
    if (token) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
