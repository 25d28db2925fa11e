import type { App, Surroundings } from "./app.ts";
import type { Config } from "./config.ts";
import type { FoundAtStart } from "./configured-providers.ts";
import { giveBackMemoryOfStart, giveBackMemoryWhenIdle } from "./idle-memory.ts";
import { exitWith, onSignals, openLoggerOrExit, readConfigOrExit, reportUncaught } from "./process-end.ts";
import { inheritedEnvironment } from "./process-environment.ts";
import { joinSnapshots } from "./telemetry/joined-snapshots.ts";
import type { MetricSnapshot } from "./telemetry/metric-snapshot.ts";
import { linkToSupervisor, type SupervisorLink } from "./workers/supervisor-link.ts";
import { allocateYoung } from "./young-generation.ts";

const [number, found] = process.argv.slice(2);
await serveAsWorker(Number(number), found, inheritedEnvironment());

/** One of several processes that serve one port: another accepts the connections, and says when to end. */
async function serveAsWorker(
  number: number,
  found: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const drained = Promise.withResolvers<void>();
  let app: App | undefined;
  let draining = false;
  const drain = () => {
    draining = true;
    drained.resolve();
    if (!app) process.exit(0); // it waits for its database, and has no calls
  };
  const link = linkToSupervisor({
    onDrain: drain,
    // A supervisor that ends while this worker drains was killed by those who will not wait.
    onAlone: () => (draining ? process.exit(1) : drain()),
    // The workers are of this program, and ask each other nothing else.
    answer: (question) => app?.[question as WorkerQuestion](),
  });
  const config = await readConfigOrExit(environment);
  const logger = await openLoggerOrExit(config, number);
  onSignals(drain);
  try {
    allocateYoung();
    const { createApp } = await import("./app.ts");
    app = await createApp(shareOf(config), logger, { ...surroundingsOf(link), found: readFound(found) });
    reportUncaught(app.faults, logger);
    giveBackMemoryOfStart();
    await app.listen();
    link.ready(app.found);
    giveBackMemoryWhenIdle();
    await drained.promise;
    await app.close();
    process.exit(0);
  } catch (error) {
    exitWith(error, logger);
  }
}

/** What the first worker has found, as the supervisor hands it on; this is the first when there is nothing. */
function readFound(json: string | undefined): FoundAtStart | undefined {
  return json === undefined ? undefined : (JSON.parse(json) as FoundAtStart);
}

/** What workers ask each other: the answer is what the app has for it. */
type WorkerQuestion = "metrics" | "catchUp";

function surroundingsOf({ accepted, ask, askAll }: SupervisorLink): Surroundings {
  const ofAll = (question: WorkerQuestion) => askAll(question);
  return {
    accepted,
    ask,
    async gatherMetrics() {
      const [answers, supervisors] = await Promise.all([ofAll("metrics"), ask("metrics")]);
      const ofWorkers = answers as readonly (readonly [number, readonly MetricSnapshot[]])[];
      const joined = joinSnapshots(new Map(ofWorkers.map(([worker, metrics]) => [String(worker), metrics])));
      return [...joined, ...(supervisors as readonly MetricSnapshot[])];
    },
    changed: () =>
      ofAll("catchUp").then(
        () => undefined,
        () => undefined,
      ),
  };
}

/** What all workers together may take up is divided among them. */
function shareOf(config: Config): Config {
  const { maxCalls, maxQueued } = config.callLimits;
  const share = (whole: number) => Math.ceil(whole / config.workers);
  return { ...config, callLimits: { ...config.callLimits, maxCalls: share(maxCalls), maxQueued: share(maxQueued) } };
}
