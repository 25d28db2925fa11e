// Keeps a gateway busy and watches its memory: `npm run soak -- --minutes 60`.
import build from "../test/support/build.ts";
import { numberFlag } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { runSoak } from "./run-soak.ts";

const minutes = numberFlag("minutes", 60);
const restMs = numberFlag("rest", 120) * 1_000;
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway();
const figures = await runSoak(gateway, { minutes, restMs, streamsAtOnce: 100, sessionsAtOnce: 50 });
const { slopeBytesPerHour, residentBytes, burst } = figures;
console.log(`text streams: ${figures.streams}, live sessions: ${figures.sessions}, failed: ${figures.failures.length}`);
for (const failure of new Set(figures.failures)) console.log(`  ${failure}`);
console.log(`resident memory: ${mebibytes(residentBytes.warm)} when warm, ${mebibytes(residentBytes.end)} at the end`);
console.log(`slope after the warm-up: ${mebibytes(slopeBytesPerHour)} an hour`);
console.log(`a burst of 1,000 streams: ${mebibytes(burst.growthBytes)} more`);
console.log(`given back within ${restMs / 1_000} s: ${(burst.givenBack * 100).toFixed(0)} %`);
process.exitCode = figures.failures.length > 0 ? 1 : 0;
