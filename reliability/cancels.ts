// Leaves calls in every phase through every face: `node reliability/cancels.ts --count 100000`.
import build from "../test/support/build.ts";
import { numberFlag, say } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { type CancelFigures, runCancels } from "./run-cancels.ts";
import { queueing, runQueuedCancels } from "./run-queued-cancels.ts";
import { mebibytes, printFindings } from "./verdict.ts";

const count = numberFlag("count", 2_000);
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway();
const { figures, all, left, residentBytes } = await runCancels(gateway, count, (done) => say(`${done} cancels`));
const row = (phase: string, { form, face, count, p50Ms, p99Ms, worstMs }: CancelFigures) =>
  `| ${form} | ${phase} | ${face} | ${count} | ${[p50Ms, p99Ms, worstMs].map((time) => time.toFixed(1)).join(" | ")} |`;
console.log("| call | phase | face | cancels | p50, ms | p99, ms | worst, ms |\n|---|---|---|---:|---:|---:|---:|");
for (const figure of figures) console.log(row(figure.phase, figure));
console.log(row("all", all));
await using narrow = await startFaultGateway(queueing);
const queued = await runQueuedCancels(narrow, Math.ceil(count / 20));
printFindings([
  {
    what: `cancel → vendor socket closed, ${all.count} cancels`,
    goal: "p99 ≤ 100 ms, 100 %",
    measured: `p50 ${all.p50Ms.toFixed(1)} ms, p99 ${all.p99Ms.toFixed(1)} ms, worst ${all.worstMs.toFixed(0)} ms`,
    isMet: all.p99Ms <= 100 && Number.isFinite(all.worstMs),
  },
  {
    what: "exchanges, sockets to vendors, files left after them",
    goal: "0",
    measured: `${left.exchanges}, ${left.vendorSockets}, ${left.files}; memory ${mebibytes(residentBytes.afterQuarter)} after a quarter of them, ${mebibytes(residentBytes.afterAll)} after all`,
    isMet: left.exchanges + left.vendorSockets + left.files === 0,
  },
  {
    what: `cancel while queued → the place is free, ${queued.count} cancels`,
    goal: "p99 ≤ 100 ms, 100 %; no vendor asked",
    measured: `p50 ${queued.p50Ms.toFixed(1)} ms, p99 ${queued.p99Ms.toFixed(1)} ms, worst ${queued.worstMs.toFixed(0)} ms; ${queued.asked} asked`,
    isMet: queued.p99Ms <= 100 && Number.isFinite(queued.worstMs) && queued.asked === 0 && queued.isFree,
  },
]);
