// Takes the database away from a gateway under way, and gives it back: `npm run store-faults`. As root on Linux it fills a
// disk too, a file system of 1 MiB in memory, and makes one fail, ext4 in a file.
import build from "../test/support/build.ts";
import { numberFlag, say } from "./command-line.ts";
import { runStoreFaults } from "./run-store-faults.ts";
import { findingsOfStore } from "./store-findings.ts";
import { printFindings } from "./verdict.ts";

const seconds = numberFlag("seconds", 8);
if (!process.argv.includes("--no-build")) await build();
const results = await runStoreFaults({ faultMs: seconds * 1_000, onProgress: say });
printFindings(results.flatMap(findingsOfStore));
