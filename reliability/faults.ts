// Breaks vendors in every way of the catalogue and says what callers were told: `npm run faults -- --count 10000`.
// A case of chat is run again with `--seed` and `--only "part of its name"`.
import build from "../test/support/build.ts";
import { numberFlag, say, textFlag } from "./command-line.ts";
import { nameCompandedAudio } from "./companded-audio.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { countOf, faultTable, lies } from "./fault-table.ts";
import { runChatFaults } from "./run-chat-faults.ts";
import { runSpeechFaults } from "./run-speech-faults.ts";

const count = numberFlag("count", 300);
const seed = numberFlag("seed", 1);
const only = textFlag("only");
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway();
let done = 0;
const onResult = () => void (++done % 1_000 === 0 && say(`${done} faults of chat`));
const chat = await runChatFaults(gateway, { count, seed, onResult, ...(only !== undefined && { only }) });
const speech = only === undefined ? await runSpeechFaults(gateway) : [];
nameCompandedAudio();
const { runLiveFaults } = await import("./run-live-faults.ts");
const live = only === undefined ? await runLiveFaults(gateway) : [];
const results = [...chat, ...speech, ...live];
console.log(faultTable(results));
for (const lie of lies(results)) console.log(lie);
console.log(`${results.length} faults injected, seed ${seed}`);
console.log(`untruths: ${countOf(results, "an untruth")}`);
console.log(`silent truncations: ${countOf(results, "a silent truncation")}`);
process.exitCode = lies(results).length > 0 ? 1 : 0;
