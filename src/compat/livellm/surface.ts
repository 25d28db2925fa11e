import { AgentService } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { TranscriptionService } from "../../../gen/livellm/v1/transcription_service_pb.ts";
import { matchRoute } from "../route-table.ts";
import type { Surface, SurfaceOptions } from "../surface.ts";
import { serveTranscription } from "./live-transcription.ts";
import { livellmRoutes } from "./routes.ts";
import { serveSessions } from "./web-socket.ts";

const prefix = "/livellm";

/**
 * livellm as it was: every route below `/livellm` and without it. What is below the prefix is its own, known or not;
 * without it only the paths that it has.
 */
export function createLivellm(options: SurfaceOptions): Surface {
  const routes = livellmRoutes(options);
  return {
    find({ method, path }) {
      const own = path === prefix || path.startsWith(`${prefix}/`);
      const rest = own ? path.slice(prefix.length) : path;
      const match = matchRoute(routes, method, rest);
      return own || match ? { match, path: rest } : undefined;
    },
    findSocket(path) {
      switch (path.replace(/^\/livellm\//, "/").replace(/\/$/, "")) {
        case "/ws":
          return {
            rpc: AgentService.method.runStream,
            serve: (client, caller) => serveSessions(client, caller, options),
          };
        case "/ws/transcription":
          return {
            rpc: TranscriptionService.method.transcribeStream,
            serve: (client, caller) => serveTranscription(client, caller, options),
          };
        default:
          return undefined;
      }
    },
  };
}
