import { percentile } from "./measure.ts";
import { atLeast, atMost, type Verdict } from "./report.ts";
import {
  coldStart,
  compareBidi,
  compareFrameworks,
  compareIdle,
  compareLive,
  compareMemory,
  compareRelays,
  type Extent,
  type Figures,
} from "./rows.ts";

/** Some rows of the goals that are measured together. */
interface Goal {
  readonly rows: readonly number[];
  readonly title: string;
  measure(extent: Extent): Promise<Found>;
}

interface Found {
  readonly verdicts: readonly Verdict[];
  readonly figures: readonly (readonly string[])[];
  readonly notes?: readonly string[];
}

/** The goals, in their order. */
export const goals: readonly Goal[] = [
  { rows: [1], title: "unary gRPC, 64 and 256 callers", measure: unaryGrpc },
  { rows: [2], title: "unary JSON over HTTP/1.1", measure: unaryJson },
  { rows: [3], title: "200 streams of 50 chunks a second", measure: paced },
  { rows: [5], title: "time to the first chunk", measure: firstChunk },
  { rows: [4], title: "50 streams as fast as possible", measure: asFastAsPossible },
  { rows: [6], title: "memory of slow streams", measure: memory },
  { rows: [7], title: "the framework alone", measure: framework },
  { rows: [8], title: "audio both ways", measure: bidi },
  { rows: [9], title: "live audio in real time", measure: live },
  { rows: [10], title: "cold start", measure: start },
];

async function unaryGrpc(extent: Extent): Promise<Found> {
  const verdicts: Verdict[] = [];
  const figures: string[][] = [];
  for (const concurrency of [64, 256]) {
    const relays = ["livellm gRPC", "Portkey"] as const;
    const measured = await compareRelays({ relays, model: "unary", concurrency, kind: "loop" }, extent);
    const [own, portkey] = [of(measured, "livellm gRPC"), of(measured, "Portkey")];
    const what = `unary gRPC, c=${concurrency}`;
    verdicts.push(
      atLeastTimes(1, `${what}: requests/s`, { limit: 5, value: own.rate / portkey.rate, of: "Portkey" }),
      atMostTimes(1, `${what}: CPU`, {
        limit: 0.2,
        value: own.cpuPerMillion / portkey.cpuPerMillion,
        of: "Portkey",
      }),
    );
    figures.push(...lines(what, measured));
  }
  return { verdicts, figures };
}

async function unaryJson(extent: Extent): Promise<Found> {
  const relays = ["livellm JSON", "Portkey", "raw relay"] as const;
  const measured = await compareRelays({ relays, model: "unary", concurrency: 64, kind: "loop" }, extent);
  const [own, portkey, raw] = [of(measured, "livellm JSON"), of(measured, "Portkey"), of(measured, "raw relay")];
  return {
    verdicts: [
      atLeastTimes(2, "unary JSON: requests/s", { limit: 5, value: own.rate / portkey.rate, of: "Portkey" }),
      atMostTimes(2, "unary JSON: CPU", {
        limit: 2,
        value: own.cpuPerMillion / raw.cpuPerMillion,
        of: "the raw relay",
      }),
    ],
    figures: lines("unary JSON, c=64", measured),
  };
}

async function paced(extent: Extent): Promise<Found> {
  const relays = ["livellm gRPC", "Portkey", "raw relay"] as const;
  const count = Math.round(extent.seconds * 100);
  const measured = await compareRelays({ relays, model: `paced-${count}-20`, concurrency: 200, kind: "paced" }, extent);
  const own = of(measured, "livellm gRPC").cpuPerMillion;
  const [portkey, raw] = [of(measured, "Portkey").cpuPerMillion, of(measured, "raw relay").cpuPerMillion];
  const what = "paced streams: CPU a chunk";
  return {
    verdicts: [
      atMostTimes(3, what, { limit: 0.65, value: own / portkey, of: "Portkey" }),
      atMostTimes(3, what, { limit: 1.4, value: own / raw, of: "the raw relay" }),
    ],
    figures: lines("paced, 200 streams", measured),
  };
}

/** All by the same client, so that what it costs itself falls out: server-sent events over HTTP/1.1. */
async function firstChunk(extent: Extent): Promise<Found> {
  const relays = ["livellm JSON", "livellm gRPC", "Portkey", "raw relay", "direct"] as const;
  const count = Math.round(extent.seconds * 50);
  const measured = await compareRelays({ relays, model: `paced-${count}-20`, concurrency: 50, kind: "paced" }, extent);
  const added = (name: string) => Math.max(0.01, of(measured, name).p50 - of(measured, "direct").p50);
  const [own, portkey, raw] = [added("livellm JSON"), added("Portkey"), added("raw relay")];
  const what = "added time to the first chunk, p50";
  return {
    verdicts: [
      atMostTimes(5, what, { limit: 0.1, value: own / portkey, of: "Portkey" }),
      atMostTimes(5, what, { limit: 2, value: own / raw, of: "the raw relay" }),
    ],
    figures: lines("paced, 50 streams", measured),
    notes: [
      `Added time to the first chunk, p50: livellm ${own.toFixed(2)} ms (server-sent events; gRPC by a client of its own ${added("livellm gRPC").toFixed(2)} ms), Portkey ${portkey.toFixed(2)} ms, raw relay ${raw.toFixed(2)} ms.`,
    ],
  };
}

/** All by the same client: counting messages of gRPC costs the generator's core more than counting events. */
async function asFastAsPossible(extent: Extent): Promise<Found> {
  const relays = ["livellm JSON", "livellm gRPC", "Portkey", "raw relay"] as const;
  const measured = await compareRelays({ relays, model: "asap-200", concurrency: 50, kind: "loop" }, extent);
  const ratio = of(measured, "livellm JSON").rate / of(measured, "Portkey").rate;
  return {
    verdicts: [atLeastTimes(4, "fast streams: chunks/s", { limit: 1.2, value: ratio, of: "Portkey" })],
    figures: lines("50 streams × 200 chunks", measured),
  };
}

async function memory(extent: Extent): Promise<Found> {
  const measured = await compareMemory(["livellm gRPC", "Portkey", "raw relay"], extent);
  const own = of(measured, "livellm gRPC");
  return {
    verdicts: [
      atMostTimes(6, "memory of a slow stream", { limit: 0.4, value: own / of(measured, "Portkey"), of: "Portkey" }),
      atMostTimes(6, "memory of a slow stream", {
        limit: 1.1,
        value: own / of(measured, "raw relay"),
        of: "the raw relay",
      }),
    ],
    figures: kibibytes(`${extent.memoryStreams} slow streams`, measured),
  };
}

async function framework(extent: Extent): Promise<Found> {
  const measured = await compareFrameworks(["livellm", "grpc-js", "connect", "http2"], extent);
  const ratio = of(measured, "livellm").cpuPerMillion / of(measured, "grpc-js").cpuPerMillion;
  return {
    verdicts: [atMostTimes(7, "constant unary gRPC: CPU", { limit: 1.3, value: ratio, of: "grpc-js" })],
    figures: lines("constant unary gRPC, c=64", measured),
  };
}

async function bidi(extent: Extent): Promise<Found> {
  const frames = await compareBidi(["livellm", "grpc-js", "connect"], extent);
  const idle = await compareIdle(["livellm", "grpc-js", "connect"], extent);
  return {
    verdicts: [
      atLeastTimes(8, "audio frames a core-second", {
        limit: 1.25,
        value: of(frames, "livellm") / of(frames, "grpc-js"),
        of: "grpc-js",
      }),
      atMostTimes(8, "memory of an idle stream", {
        limit: 0.5,
        value: of(idle, "livellm") / of(idle, "connect"),
        of: "connect-node",
      }),
    ],
    figures: [
      ...[...frames].map(([name, rate]) => ["audio frames, 100 streams", name, rate.toFixed(0), "", "", "", "", ""]),
      ...kibibytes(`${extent.memoryStreams} idle streams`, idle),
    ],
  };
}

async function live(extent: Extent): Promise<Found> {
  const { cores, lateMs, sessionBytes, loadCores } = await compareLive(extent);
  const [p50, p99, latest] = [0.5, 0.99, 1].map((share) => percentile(lateMs, share)) as [number, number, number];
  const what = `${extent.liveSessions} live sessions`;
  return {
    verdicts: [
      { row: 9, what: `${what}: CPU`, goal: "≤ 1 core", measured: `${cores.toFixed(2)} cores`, ...atMost(1, cores) },
      {
        row: 9,
        what: `${what}: the latest frame`,
        goal: "≤ 50 ms",
        measured: `${latest.toFixed(0)} ms`,
        ...atMost(50, latest),
      },
    ],
    figures: [
      [
        what,
        "livellm",
        String(extent.liveSessions * 10),
        ((cores / extent.liveSessions) * 1e5).toFixed(1),
        p50.toFixed(2),
        p99.toFixed(2),
        percent(cores),
        percent(loadCores),
      ],
      ...kibibytes(what, new Map([["livellm", sessionBytes / 1024]])),
    ],
    notes: [
      "Live sessions: µ-law in by gRPC, PCM16 at 24,000 Hz out to a vendor's WebSocket in OpenAI's shape, frames of 100 ms in real time; every two seconds a turn ends, and its words go back. The callers' rate is 16,000 Hz, because OpenAI takes µ-law of 8,000 Hz as it is and nothing would be left to convert.",
    ],
  };
}

async function start(extent: Extent): Promise<Found> {
  const { seconds, mebibytes } = await coldStart(extent);
  const row = 10;
  return {
    verdicts: [
      { row, what: "start to first answer", goal: "≤ 1 s", measured: `${seconds.toFixed(2)} s`, ...atMost(1, seconds) },
      { row, what: "idle memory", goal: "≤ 130 MB", measured: `${mebibytes.toFixed(0)} MB`, ...atMost(130, mebibytes) },
    ],
    figures: [],
  };
}

interface Ratio {
  readonly limit: number;
  readonly value: number;
  readonly of: string;
}

function atLeastTimes(row: number, what: string, { limit, value, of: peer }: Ratio): Verdict {
  return { row, what, goal: `≥ ${limit} × ${peer}`, measured: `${value.toFixed(2)} ×`, ...atLeast(limit, value) };
}

function atMostTimes(row: number, what: string, { limit, value, of: peer }: Ratio): Verdict {
  return { row, what, goal: `≤ ${limit} × ${peer}`, measured: `${value.toFixed(2)} ×`, ...atMost(limit, value) };
}

function of<T>(measured: ReadonlyMap<string, T>, name: string): T {
  const found = measured.get(name);
  if (found === undefined) throw new Error(`nothing was measured of ${name}`);
  return found;
}

function lines(what: string, measured: Figures): string[][] {
  return [...measured].map(([name, { rate, cpuPerMillion, p50, p99, cores, loadCores }]) => [
    what,
    name,
    rate.toFixed(0),
    cpuPerMillion.toFixed(1),
    p50.toFixed(2),
    p99.toFixed(2),
    percent(cores),
    percent(loadCores),
  ]);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function kibibytes(what: string, measured: ReadonlyMap<string, number>): string[][] {
  return [...measured].map(([name, size]) => [what, `${name}: ${size.toFixed(1)} KiB each`, "", "", "", "", "", ""]);
}
