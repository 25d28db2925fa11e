import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { serverUrl } from "./core/server-url.ts";
import { openFaults } from "./open-faults.ts";
import { reportUncaught } from "./process-end.ts";
import { MemoryState } from "./shared-state/memory-state.ts";
import { answerQuestion, type StateQuestion } from "./shared-state/state-questions.ts";
import type { Logger } from "./telemetry/logger.ts";
import { createSupervisorTelemetry } from "./telemetry/supervisor-telemetry.ts";
import { superviseWorkers } from "./workers/supervisor.ts";
import type { WorkerEnd } from "./workers/worker-process.ts";

/** Serves with several processes, which count callers' limits together in this one. */
export async function listenInWorkers(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  logger: Logger,
) {
  const counts = new MemoryState({ leaseMs: config.sharing.leaseMs });
  const faults = await openFaults(config, (message) => logger.warn(message));
  reportUncaught(faults, logger);
  const telemetry = await createSupervisorTelemetry({
    settings: config.telemetry,
    workers: config.workers,
    warn: (message) => logger.warn(message),
  });
  const supervisor = await superviseWorkers({
    workers: config.workers,
    host: config.host,
    port: config.port,
    maxConnections: config.connectionLimits.maxConnections,
    entry: workerFile(),
    environment: { ...environment },
    logger,
    // The workers are of this program: they ask nothing else.
    answer: (question, { id }) =>
      question === "metrics" ? telemetry.snapshot() : answerQuestion(counts.as(id), question as StateQuestion),
    onEnded: ({ id }) => counts.forget(id),
    onReplaced(worker, end) {
      telemetry.replaced(worker, end);
      if (end.code !== 0) faults?.report(new WorkerDied(end), { worker: String(worker) });
    },
  });
  const url = serverUrl({ host: config.host, port: supervisor.port, secure: config.tls !== undefined });
  return {
    url,
    async close() {
      await supervisor.close(config.drainDelayMs, config.shutdownGraceMs);
      await Promise.all([telemetry.close(), faults?.close()]);
    },
  };
}

/** Named for where it is reported. */
class WorkerDied extends Error {
  override readonly name = "WorkerDied";

  constructor({ code, signal }: WorkerEnd) {
    super(`a worker died with ${signal ?? code}`);
  }
}

/** The sources run as they are, and compiled. */
function workerFile(): string {
  return fileURLToPath(new URL(`./worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
}
