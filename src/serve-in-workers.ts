import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { serverUrl } from "./core/server-url.ts";
import { openFaults } from "./open-faults.ts";
import { reportUncaught } from "./process-end.ts";
import { MemoryState } from "./shared-state/memory-state.ts";
import { answerQuestion, type StateQuestion } from "./shared-state/state-questions.ts";
import type { Logger } from "./telemetry/logger.ts";
import { superviseWorkers } from "./workers/supervisor.ts";

/** Serves with several processes, which count callers' limits together in this one. */
export async function listenInWorkers(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  logger: Logger,
) {
  const counts = new MemoryState({ leaseMs: config.sharing.leaseMs });
  const faults = await openFaults(config, (message) => logger.warn(message));
  reportUncaught(faults, logger);
  const supervisor = await superviseWorkers({
    workers: config.workers,
    host: config.host,
    port: config.port,
    maxConnections: config.connectionLimits.maxConnections,
    entry: workerFile(),
    environment: { ...environment },
    logger,
    // The workers are of this program: they ask nothing else.
    answer: (question, { id }) => answerQuestion(counts.as(id), question as StateQuestion),
    onEnded: ({ id }) => counts.forget(id),
    onDied: (worker, { code, signal }) =>
      faults?.report(new WorkerDied(`a worker died with ${signal ?? code}`), { worker: String(worker) }),
  });
  const url = serverUrl({ host: config.host, port: supervisor.port, secure: config.tls !== undefined });
  return {
    url,
    async close() {
      await supervisor.close(config.drainDelayMs, config.shutdownGraceMs);
      await faults?.close();
    },
  };
}

/** Named for where it is reported. */
class WorkerDied extends Error {
  override readonly name = "WorkerDied";
}

/** The sources run as they are, and compiled. */
function workerFile(): string {
  return fileURLToPath(new URL(`./worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
}
