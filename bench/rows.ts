import path from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { RunRequestSchema } from "../gen/livellm/v1/agent_service_pb.ts";
import { framesPerCoreSecond, idleStreamBytes } from "./bidi.ts";
import { type LiveSample, liveRound } from "./live-load.ts";
import { createGrpcClient } from "./load-clients.ts";
import { watchLoad } from "./machine-load.ts";
import { closedLoop, median, memoryPerStream, pacedRound, percentile, type Sample, warmUp } from "./measure.ts";
import { type PinnedProcess, pause, startPinned } from "./pinned-process.ts";
import {
  distFolder,
  gatewayCore,
  type Relay,
  type RelayName,
  startLivellm,
  startRelay,
  startVendor,
  urlOf,
} from "./relays.ts";

/** How long and how often. */
export interface Extent {
  readonly rounds: number;
  readonly seconds: number;
  readonly memoryStreams: number;
  readonly liveSessions: number;
  /** How long each program is called before it is measured. */
  readonly warmSeconds: number;
  readonly say: (what: string) => void;
}

/** Named figures, each the median of the rounds. */
export type Figures = ReadonlyMap<string, Measured>;

export interface Measured {
  readonly rate: number;
  readonly cpuPerMillion: number;
  readonly p50: number;
  readonly p99: number;
  /** Shares of a core: of the program, and of what calls it. */
  readonly cores: number;
  readonly loadCores: number;
}

interface RoundSample extends Sample {
  /** Of the mock vendor and the load generator together. */
  readonly loadCores: number;
}

interface Contest {
  readonly relays: readonly RelayName[];
  readonly model: string;
  readonly concurrency: number;
  readonly kind: "loop" | "paced";
}

/** The relays by turns, round after round, each called alone; one mock for all. */
export async function compareRelays(contest: Contest, extent: Extent): Promise<Figures> {
  const vendor = await startVendor();
  const relays = await Promise.all(contest.relays.map((name) => startRelay(name, vendor)));
  const samples = new Map<string, RoundSample[]>(contest.relays.map((name) => [name, []]));
  try {
    for (const relay of relays) await warmRelay(relay, contest, extent);
    for (let round = 1; round <= extent.rounds; round++) {
      for (const relay of relays) {
        const client = relay.client(contest.model);
        const load = { client, concurrency: contest.concurrency, seconds: extent.seconds };
        const streams = contest.model !== "unary";
        const loadCores = watchLoad(relay.process === vendor ? [] : [vendor]);
        const measured =
          contest.kind === "paced"
            ? await pacedRound(relay.process, load)
            : await closedLoop(relay.process, { ...load, streams });
        const sample = { ...measured, loadCores: loadCores() };
        await client.close();
        samples.get(relay.name)?.push(sample);
        extent.say(
          `round ${round} ${relay.name}: ${sample.rate.toFixed(0)}/s, ${sample.cpuPerMillion.toFixed(0)} µs CPU`,
        );
      }
    }
  } finally {
    await Promise.all([...relays.map(({ process }) => process.stop()), vendor.stop()]);
  }
  return summarise(samples);
}

/** As `npm start`ed programs are after a while: the first calls cost several times as much. */
async function warmRelay(relay: Relay, { model, concurrency, kind }: Contest, extent: Extent): Promise<void> {
  const client = relay.client(kind === "paced" ? model.replace(/-\d+-/, "-20-") : model);
  await warmUp({ client, concurrency, streams: model !== "unary", seconds: extent.warmSeconds });
  await client.close();
}

function summarise(samples: ReadonlyMap<string, readonly RoundSample[]>): Figures {
  return new Map(
    [...samples].map(([name, all]) => [
      name,
      {
        rate: median(all.map(({ rate }) => rate)),
        cpuPerMillion: median(all.map(({ cpuPerMillion }) => cpuPerMillion)),
        p50: median(all.map(({ latencies }) => percentile(latencies, 0.5))),
        p99: median(all.map(({ latencies }) => percentile(latencies, 0.99))),
        cores: median(all.map(({ cores }) => cores)),
        loadCores: median(all.map((sample) => sample.loadCores)),
      },
    ]),
  );
}

/** KiB of memory for each open slow stream, each on a connection of its own, in a fresh process. */
export async function compareMemory(names: readonly RelayName[], extent: Extent): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const name of names) {
    const vendor = await startVendor();
    const relay = await startRelay(name, vendor);
    const first = relay.client("paced-20-5");
    await first.call(0, () => undefined);
    await first.close();
    const bytes = await memoryPerStream(relay.process, relay.client("paced-60-1000"), extent.memoryStreams).finally(
      () => Promise.all([relay.process.stop(), vendor.stop()]),
    );
    found.set(name, bytes / 1024);
    extent.say(`${name}: ${(bytes / 1024).toFixed(0)} KiB a stream`);
  }
  return found;
}

/** Live sessions in real time: what they take, and how late each frame came; the round with the median of the latest. */
export async function compareLive(extent: Extent): Promise<LiveSample> {
  const samples: LiveSample[] = [];
  for (let round = 1; round <= Math.min(3, extent.rounds); round++) {
    const sample = await liveRound(extent.liveSessions, Math.max(3, extent.seconds * 5));
    samples.push(sample);
    const latest = percentile(sample.lateMs, 1);
    const { cores, loadCores } = sample;
    extent.say(
      `round ${round}: ${cores.toFixed(2)} cores, the latest frame ${latest.toFixed(0)} ms, the load ${loadCores.toFixed(2)} cores`,
    );
  }
  samples.sort((a, b) => percentile(a.lateMs, 1) - percentile(b.lateMs, 1));
  return samples[Math.floor((samples.length - 1) / 2)] as LiveSample;
}

export function startConstant(kind: string): Promise<PinnedProcess> {
  const script = path.join(distFolder, "bench/constant-server.js");
  const env = { PROTO_ROOT: path.resolve(import.meta.dirname, "../proto") };
  return startPinned({ core: gatewayCore, args: [script, kind], env });
}

/** Constant unary gRPC answers: the framework alone. */
export async function compareFrameworks(kinds: readonly string[], extent: Extent): Promise<Figures> {
  const servers = await Promise.all(kinds.map(startConstant));
  const samples = new Map<string, RoundSample[]>(kinds.map((kind) => [kind, []]));
  const clientOf = (server: PinnedProcess) =>
    createGrpcClient({ url: urlOf(server), path: "/livellm.v1.AgentService/Run", message: constant });
  try {
    for (const server of servers) {
      const client = clientOf(server);
      await warmUp({ client, concurrency: 64, seconds: extent.warmSeconds });
      await client.close();
    }
    for (let round = 1; round <= extent.rounds; round++) {
      for (const [i, server] of servers.entries()) {
        const client = clientOf(server);
        const loadCores = watchLoad([]);
        const measured = await closedLoop(server, { client, concurrency: 64, seconds: extent.seconds });
        const sample = { ...measured, loadCores: loadCores() };
        await client.close();
        samples.get(kinds[i] ?? "")?.push(sample);
        extent.say(
          `round ${round} ${kinds[i]}: ${sample.rate.toFixed(0)}/s, ${sample.cpuPerMillion.toFixed(0)} µs CPU`,
        );
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return summarise(samples);
}

const constant = toBinary(
  RunRequestSchema,
  create(RunRequestSchema, {
    route: { targets: [{ provider: "local", model: "echo" }] },
    messages: [{ text: "Hello!" }],
  }),
);

/** Audio frames acknowledged for a core-second. */
export async function compareBidi(kinds: readonly string[], extent: Extent): Promise<ReadonlyMap<string, number>> {
  const servers = await Promise.all(kinds.map(startConstant));
  const samples = new Map<string, number[]>(kinds.map((kind) => [kind, []]));
  try {
    for (let round = 1; round <= extent.rounds; round++) {
      for (const [i, server] of servers.entries()) {
        const frames = await framesPerCoreSecond(server, extent.seconds);
        samples.get(kinds[i] ?? "")?.push(frames);
        extent.say(`round ${round} ${kinds[i]}: ${frames.toFixed(0)} frames a core-second`);
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return new Map([...samples].map(([kind, all]) => [kind, median(all)]));
}

/** KiB for each idle bidi stream, in fresh processes. */
export async function compareIdle(kinds: readonly string[], extent: Extent): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const kind of kinds) {
    const server = await startConstant(kind);
    const bytes = await idleStreamBytes(server, extent.memoryStreams).finally(() => server.stop());
    found.set(kind, bytes / 1024);
    extent.say(`${kind}: ${(bytes / 1024).toFixed(1)} KiB an idle stream`);
  }
  return found;
}

/** Seconds from the start to the first answer, and MiB of memory ten seconds later, nothing configured. */
export async function coldStart(extent: Extent): Promise<{ readonly seconds: number; readonly mebibytes: number }> {
  const seconds: number[] = [];
  const mebibytes: number[] = [];
  for (let round = 1; round <= Math.min(3, extent.rounds); round++) {
    const gateway = await startLivellm();
    const begin = performance.now();
    const response = await fetch(`${urlOf(gateway)}/livellm.v1.AgentService/Run`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ route: { targets: [{ provider: "local", model: "echo" }] }, messages: [{ text: "hi" }] }),
    });
    if (!response.ok) throw new Error(`the first call failed: ${await response.text()}`);
    await response.text();
    seconds.push((gateway.startMs + performance.now() - begin) / 1000);
    await pause(2_000);
    mebibytes.push(gateway.residentBytes() / 1024 / 1024);
    await gateway.stop();
    extent.say(`round ${round}: ${seconds.at(-1)?.toFixed(2)} s, ${mebibytes.at(-1)?.toFixed(0)} MiB`);
  }
  return { seconds: median(seconds), mebibytes: median(mebibytes) };
}
