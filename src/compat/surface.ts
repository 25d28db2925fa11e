import type { DescMethod } from "@bufbuild/protobuf";
import type { Caller, ExplainError, Gateway } from "./gateway.ts";
import type { HttpRequest } from "./http.ts";
import type { HttpError } from "./http-error.ts";
import type { MessageSocket } from "./message-socket.ts";
import type { Match } from "./route-table.ts";

/** What a surface works with. */
export interface SurfaceOptions {
  readonly gateway: Gateway;
  readonly explainError: ExplainError;
  /** The largest body that is read. */
  readonly maxBodyBytes: number;
  /** The names of those that are served: some share paths. */
  readonly surfaces: readonly string[];
  /** What the environment says in the old systems' names. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether an address is that of a proxy which is believed in what it says of its clients. */
  readonly isTrustedProxy: (address: string) => boolean;
  /** The models of the surface `apc`'s live session, as `provider/model`, in the order in which they are tried. */
  readonly liveModels: readonly string[];
  /** Aborted, with the reason, when the server drains. */
  readonly drain: AbortSignal;
}

/** A request that is to find its surface. */
export interface Asked {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly request: HttpRequest;
}

/** A request that belongs to a surface; `match` is undefined when there is nothing at its path. */
export interface Found {
  readonly match: Match | undefined;
  /** The path below the surface's prefix. */
  readonly path: string;
}

/** What serves a WebSocket. */
export interface SocketRoute {
  /** The RPC that it comes down to: who may not call that is refused at the handshake. */
  readonly rpc: DescMethod;
  /** Serves one to its end. */
  readonly serve: (client: MessageSocket, caller: Caller) => Promise<void>;
}

/** The paths of an older system, and what serves them. */
export interface Surface {
  /** Undefined when the request is not this surface's. */
  find(asked: Asked): Found | undefined;
  /** The body of an error; FastAPI's `{"detail": …}` where there is none. */
  errorBody?(error: HttpError, requestId: string): object;
  findSocket?(path: string): SocketRoute | undefined;
}
