import { Command } from "commander";
import { addChat } from "./chat.ts";
import { addCheckConfig } from "./check-config.ts";
import { addExport } from "./export.ts";
import { addHealthcheck } from "./healthcheck.ts";
import { addImport } from "./import.ts";
import { addModels } from "./models.ts";
import { packageVersion } from "./package-version.ts";
import { addProviders } from "./providers.ts";
import { addReseal } from "./reseal.ts";
import { addServe } from "./serve.ts";
import { addSetupLocal } from "./setup-local.ts";
import { addSpeak } from "./speak.ts";
import type { Terminal } from "./terminal.ts";
import { addTranscribe } from "./transcribe.ts";

/** THE LIST: the commands of `livellm`. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command("livellm")
    .exitOverride()
    .description("A gateway for talking to AI models by voice and text: the gateway itself, and a client of it.")
    .version(packageVersion())
    .option("--url <url>", "the gateway; LIVELLM_URL, else http://127.0.0.1 and PORT, when not given")
    .option("--token-file <file>", "a file with the token; LIVELLM_TOKEN or LIVELLM_TOKEN_FILE when not given")
    .option("--ca <file>", "authorities to trust in place of the usual ones, as PEM; LIVELLM_CA when not given")
    .option("--cert <file>", "a certificate to show to a gateway that asks for one; LIVELLM_CLIENT_CERT when not given")
    .option("--key <file>", "its key; LIVELLM_CLIENT_KEY when not given")
    .addHelpText("after", examples)
    .showHelpAfterError("livellm --help lists the commands and options");
  const commands = [
    addServe,
    addCheckConfig,
    addChat,
    addSpeak,
    addTranscribe,
    addModels,
    addProviders,
    addHealthcheck,
    addExport,
    addImport,
    addReseal,
    addSetupLocal,
  ];
  for (const add of commands) add(program, terminal);
  return program;
}

const examples = `
Examples:
  livellm serve                                    a gateway on http://127.0.0.1:8000
  livellm chat --provider local "Hello!"           in another terminal
  livellm chat --model gpt-5-mini                  a conversation

Exit codes: 0 done, 1 failed, 2 the command line is not right, 3 no gateway answers, 4 broken off in the middle,
130 cancelled by ctrl-C.
`;
