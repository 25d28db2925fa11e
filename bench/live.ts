// Holds 50 live sessions at once with a target in OpenAI's shape, in frames of 20 ms, and prints how late frames were at the
// vendor and words at the caller, and what processor time the gateway took. Ends with 1 when a frame was lost, or later than
// 150 ms. The load runs beside the gateway: two cores are enough for both. After `npm run build`: node bench/live.ts [seconds]
import { readFileSync } from "node:fs";
import { startGateway } from "../test/support/gateway.ts";
import { loadLive } from "../test/support/live-load.ts";

/** A third of what a listener takes for a pause. */
const latestMs = 150;

const seconds = Number(process.argv[2] ?? 15);
await using gateway = await startGateway();
await loadLive({ url: gateway.url, sessions: 1, seconds: 1 }); // until it is compiled
const before = processorSeconds(gateway.pid);
const { frames, words, ...counts } = await loadLive({ url: gateway.url, sessions: 50, seconds });
const used = processorSeconds(gateway.pid) - before;

console.table({ "frames, ms late at the vendor": rounded(frames), "words, ms late at the caller": rounded(words) });
console.log({ sessions: 50, seconds, ...counts, gatewayCores: Number((used / seconds).toFixed(2)) });
const isGood = counts.framesHeard === counts.framesSent && counts.inOrder && frames.most < latestMs;
if (!isGood) {
  console.error(`frames were lost, or later than ${latestMs} ms`);
  process.exitCode = 1;
}

function rounded(values: object): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value.toFixed(1))]));
}

/** User and system time so far: fields 14 and 15 of proc_pid_stat(5), in hundredths of a second. */
function processorSeconds(pid: number): number {
  const [, rest = ""] = /\) (.*)$/.exec(readFileSync(`/proc/${pid}/stat`, "utf8").trim()) ?? [];
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
