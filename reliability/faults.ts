// Breaks vendors in every way of the catalogue and says what callers were told: `npm run faults -- --count 10000`.
// A case of chat is run again with `--seed` and `--only "part of its name"`.
import build from "../test/support/build.ts";
import { numberFlag, say, textFlag } from "./command-line.ts";
import { nameCompandedAudio } from "./companded-audio.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { countOf, faultTable, lies } from "./fault-table.ts";
import { type FaultResult, runChatFaults } from "./run-chat-faults.ts";
import { runConversationFaults } from "./run-conversation-faults.ts";
import { runSpeechFaults } from "./run-speech-faults.ts";
import { type Finding, printFindings } from "./verdict.ts";

const count = numberFlag("count", 300);
const seed = numberFlag("seed", 1);
const only = textFlag("only");
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway();
let done = 0;
const onResult = () => void (++done % 1_000 === 0 && say(`${done} faults of chat`));
const chat = await runChatFaults(gateway, { count, seed, onResult, ...(only !== undefined && { only }) });
const speech = only === undefined ? await runSpeechFaults(gateway) : [];
say(`${speech.length} faults of speech`);
nameCompandedAudio();
const { runLiveFaults } = await import("./run-live-faults.ts");
const live = only === undefined ? await runLiveFaults(gateway) : [];
say(`${live.length} faults of live transcription`);
const conversations = only === undefined ? await runConversationFaults() : [];
say(`${conversations.length} faults of conversations`);
const all = [...chat, ...speech, ...live, ...conversations];
for (const lie of lies(all)) console.log(lie);
console.log(faultTable(all));
printFindings([
  ...findingsOf("chat", chat),
  ...findingsOf("speech", speech),
  ...findingsOf("live transcription", live),
  ...findingsOf("conversations", conversations),
]);

function findingsOf(of: string, results: readonly FaultResult[]): readonly Finding[] {
  if (results.length === 0) return [];
  const finding = (what: string, told: FaultResult["verdict"]["told"]): Finding => {
    const count = countOf(results, told);
    return {
      what: `${what}, ${results.length} injected faults of ${of}`,
      goal: "0",
      measured: `${count}`,
      isMet: count === 0,
    };
  };
  return [finding("silent truncations", "a silent truncation"), finding("untrue errors", "an untruth")];
}
