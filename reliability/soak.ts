// Keeps a gateway busy and watches its memory: `npm run soak -- --minutes 60`.
import build from "../test/support/build.ts";
import { numberFlag, say } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { runSoak, type SoakFigures } from "./run-soak.ts";
import { type Finding, mebibytes, printFindings } from "./verdict.ts";

const minutes = numberFlag("minutes", 60);
const restMs = numberFlag("rest", 120) * 1_000;
const streamsAtOnce = numberFlag("streams", 100);
const sessionsAtOnce = numberFlag("sessions", 50);
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway();
const figures = await runSoak(gateway, { minutes, restMs, streamsAtOnce, sessionsAtOnce, onProgress: say });
for (const failure of new Set(figures.failures)) console.log(failure);
printFindings(findingsOf(figures));

function findingsOf({
  streams,
  sessions,
  failed,
  slopeBytesPerHour,
  residentBytes,
  atRest,
  heapAtRest,
  burst,
}: SoakFigures): Finding[] {
  const { warm, end } = residentBytes;
  return [
    {
      what: `soak, ${minutes} minutes of ${streamsAtOnce} text streams and ${sessionsAtOnce} live sessions at a time`,
      goal: "none fails",
      measured: `${streams} streams and ${sessions} sessions, ${failed} failed`,
      isMet: failed === 0,
    },
    {
      what: "its slope of resident memory in the last third, under load",
      goal: "< 1 MiB/h",
      measured: `${mebibytes(slopeBytesPerHour)}/h; ${mebibytes(warm)} when warm, ${mebibytes(end)} at the end`,
      isMet: slopeBytesPerHour < 2 ** 20,
    },
    {
      what: "the same at rest, a minute after the load: what stays",
      goal: "< 1 MiB/h",
      measured: `${mebibytes(atRest.slopeBytesPerHour)}/h; ${mebibytes(atRest.warm)} when warm, ${mebibytes(atRest.end)} at the end`,
      isMet: atRest.slopeBytesPerHour < 2 ** 20,
    },
    {
      what: "its heap at the same times: what its objects take",
      goal: "< 1 MiB/h",
      measured: `${mebibytes(heapAtRest.slopeBytesPerHour)}/h; ${mebibytes(heapAtRest.warm)} when warm, ${mebibytes(heapAtRest.end)} at the end`,
      isMet: heapAtRest.slopeBytesPerHour < 2 ** 20,
    },
    {
      what: `burst of ${streamsAtOnce * 10} streams`,
      goal: "≥ 90 % given back in 120 s",
      measured: `${mebibytes(burst.growthBytes)} more, ${(burst.givenBack * 100).toFixed(0)} % given back in ${(burst.tookMs / 1_000).toFixed(0)} s`,
      isMet: burst.givenBack >= 0.9,
    },
  ];
}
