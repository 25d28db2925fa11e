// Leaves calls in every phase through every face: `node reliability/cancels.ts --count 100000`.
import build from "../test/support/build.ts";
import { numberFlag } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { type CancelFigures, runCancels } from "./run-cancels.ts";

const count = numberFlag("count", 2_000);
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway({ LOG_LEVEL: "info" });
const { figures, all, left, residentBytes } = await runCancels(gateway, count);
const row = (phase: string, { face, count, p50Ms, p99Ms, worstMs }: CancelFigures) =>
  `| ${phase} | ${face} | ${count} | ${[p50Ms, p99Ms, worstMs].map((time) => time.toFixed(1)).join(" | ")} |`;
console.log("| phase | face | cancels | p50, ms | p99, ms | worst, ms |\n|---|---|---:|---:|---:|---:|");
for (const figure of figures) console.log(row(figure.phase, figure));
console.log(row("all", all));
console.log(`vendor exchanges left: ${left.exchanges}`);
console.log(`sockets to the vendor left: ${left.vendorSockets}`);
console.log(`open files over those before: ${left.files}`);
const [quarter, end] = [residentBytes.afterQuarter, residentBytes.afterAll].map((bytes) =>
  (bytes / 2 ** 20).toFixed(0),
);
console.log(`resident memory: ${quarter} MiB after a quarter of the cancels, ${end} MiB after all`);
const isMet = all.p99Ms <= 100 && left.exchanges + left.vendorSockets === 0;
process.exitCode = isMet ? 0 : 1;
